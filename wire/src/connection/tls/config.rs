//! How both ends are set up: TLS 1.3 alone, a raw Ed25519 key at each, and any key accepted that proves itself. Whether it
//! is the right one is for others to say, who can name both in their error.

use crate::connection::identity::Identity;
use rustls::client::AlwaysResolvesClientRawPublicKeys;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::cipher_suite::{
    TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256,
};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::aws_lc_rs::kx_group::{SECP256R1, SECP384R1, X25519};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::version::TLS13;
use rustls::{
    ClientConfig, ClientConnection, Connection, DigitallySignedStruct, DistinguishedName, Error,
    ServerConfig, ServerConnection, SignatureScheme,
};
use std::sync::Arc;

/// What a dialling end offers.
#[derive(Debug, Clone)]
pub struct Offer(Arc<ClientConfig>);

/// What a listening end accepts.
#[derive(Debug, Clone)]
pub struct Acceptor(Arc<ServerConfig>);

impl Offer {
    /// Of a process with this key.
    ///
    /// # Errors
    /// When the cryptography cannot be set up: a bug of ours.
    pub fn of(identity: &Identity) -> Result<Self, Error> {
        let provider = Arc::new(provider());
        let verifier = Arc::new(AnyKey(provider.signature_verification_algorithms));
        let keys = AlwaysResolvesClientRawPublicKeys::new(Arc::clone(&identity.certified));
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::new(keys));
        config.resumption = rustls::client::Resumption::disabled();
        config.enable_sni = false;
        Ok(Self(Arc::new(config)))
    }

    pub(in crate::connection) fn connection(&self) -> Result<Connection, Error> {
        // Nobody is asked for that name: keys are names here.
        let name = ServerName::try_from("ioe").map_err(|_| Error::General("the name".into()))?;
        Ok(ClientConnection::new(Arc::clone(&self.0), name)?.into())
    }
}

impl Acceptor {
    /// Of a process with this key.
    ///
    /// # Errors
    /// When the cryptography cannot be set up: a bug of ours.
    pub fn of(identity: &Identity) -> Result<Self, Error> {
        let provider = Arc::new(provider());
        let verifier = Arc::new(AnyKey(provider.signature_verification_algorithms));
        let keys = AlwaysResolvesServerRawPublicKeys::new(Arc::clone(&identity.certified));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(keys));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        Ok(Self(Arc::new(config)))
    }

    pub(in crate::connection) fn connection(&self) -> Result<Connection, Error> {
        Ok(ServerConnection::new(Arc::clone(&self.0))?.into())
    }
}

/// With the shorter of AES's keys first: it is quicker, and no weaker than the keys that are agreed upon and signed with here.
/// Thousands may open connections at once, so nothing is offered that takes much longer to agree upon.
fn provider() -> CryptoProvider {
    let cipher_suites =
        vec![TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256];
    let kx_groups = vec![X25519, SECP256R1, SECP384R1];
    CryptoProvider { cipher_suites, kx_groups, ..default_provider() }
}

/// Accepts every Ed25519 key whose owner signs the handshake with it.
#[derive(Debug)]
struct AnyKey(WebPkiSupportedAlgorithms);

/// What both ends ask of it alike.
macro_rules! proven_by_signature {
    () => {
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(Error::General("TLS 1.2 is not spoken".into()))
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            key: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let key = SubjectPublicKeyInfoDer::from(key.as_ref());
            verify_tls13_signature_with_raw_key(message, &key, signed, &self.0)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ED25519]
        }

        fn requires_raw_public_keys(&self) -> bool {
            true
        }
    };
}

impl ServerCertVerifier for AnyKey {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    proven_by_signature!();
}

impl ClientCertVerifier for AnyKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    proven_by_signature!();
}
