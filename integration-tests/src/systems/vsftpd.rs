//! vsftpd with curl; as root confined to its jail, as its manual advises, otherwise without that.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use super::ground::Ground;
use super::system::{Job, Ports, System, program, shown, version_in};

/// vsftpd.
pub(crate) struct Vsftpd {
    /// All transfers use one port, before which somebody else can stand; so there is one transfer at a time.
    has_one_port: bool,
}

impl Vsftpd {
    /// One transfer at a time.
    pub(crate) const USUAL: Self = Self { has_one_port: true };
    /// As many as a client wants.
    pub(crate) const PARALLEL: Self = Self { has_one_port: false };
}

const CONFIGURATION: &str = "listen=YES\nbackground=NO\nlisten_address=127.0.0.1\nanonymous_enable=YES\n\
    local_enable=NO\nno_anon_password=YES\nwrite_enable=YES\nanon_upload_enable=YES\n\
    anon_mkdir_write_enable=YES\nanon_other_write_enable=YES\nanon_world_readable_only=NO\nanon_umask=022\n\
    connect_from_port_20=NO\nftp_data_port=0\npasv_address=127.0.0.2\n";

impl System for Vsftpd {
    fn name(&self) -> &'static str {
        "vsftpd, curl"
    }

    fn version(&self) -> String {
        let server = version_in("vsftpd -v 0>&1", "version ", '\n');
        format!("{server}, curl {}", version_in("curl --version", "curl ", ' '))
    }

    fn options(&self) -> &'static str {
        "as root confined to its jail; `curl -T`, `curl -o`; resumed with `-C -`"
    }

    fn needs(&self) -> &'static [(&'static str, &'static str)] {
        &[("vsftpd", "vsftpd"), ("curl", "curl")]
    }

    fn server(&self, ground: &Ground, ports: Ports) -> Command {
        let (state, share) = (ground.state(), ground.share());
        let empty = state.join("empty");
        let _ = fs::create_dir(&empty);
        let rights = match ground.jail() {
            Some(_) => "",
            None => "run_as_launching_user=YES\n",
        };
        // 0 is any.
        let data_port = if self.has_one_port { ports.data } else { 0 };
        let text = format!(
            "{CONFIGURATION}{rights}listen_port={}\npasv_min_port={}\npasv_max_port={}\nanon_root={}\n\
             secure_chroot_dir={}\nxferlog_enable=YES\nvsftpd_log_file={}\n",
            ports.main,
            data_port,
            data_port,
            shown(ground.jail().unwrap_or(&share)),
            shown(&empty),
            shown(&state.join("vsftpd.log"))
        );
        fs::write(state.join("vsftpd.conf"), text).unwrap();
        let mut command = program("vsftpd");
        command.arg(state.join("vsftpd.conf"));
        command
    }

    fn client(&self, ground: &Ground, job: &Job, address: SocketAddr) -> Command {
        super::nginx::curl(job, &format!("ftp://{address}/{}", ground.public(job.name)), job.is_resuming())
    }

    fn has_data_port(&self) -> bool {
        true
    }
}
