//! OpenSSH's sftp with a sshd of its own, which takes this user's key alone; as root, confined to its jail.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use super::ground::Ground;
use super::system::{Action, Job, Ports, System, program, shown, version_in};

/// OpenSSH.
pub(crate) struct Sftp;

impl System for Sftp {
    fn name(&self) -> &'static str {
        "sftp"
    }

    fn version(&self) -> String {
        format!("OpenSSH {}", version_in("ssh -V", "OpenSSH_", ' '))
    }

    fn options(&self) -> &'static str {
        "`internal-sftp`, as root with `ChrootDirectory`; `put -f`, `get -f`; resumed with `-a`"
    }

    fn needs(&self) -> &'static [(&'static str, &'static str)] {
        &[("sftp", "openssh-client"), ("ssh-keygen", "openssh-client"), ("sshd", "openssh-server")]
    }

    fn server(&self, ground: &Ground, ports: Ports) -> Command {
        let state = ground.state();
        for name in ["host-key", "user-key"].map(|name| state.join(name)) {
            if !name.exists() {
                let mut command = program("ssh-keygen");
                command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(name);
                assert!(command.status().unwrap().success(), "ssh-keygen makes a key");
            }
        }
        let jail = ground.jail().map(|jail| format!("ChrootDirectory {}\n", jail.display()));
        let text = format!(
            "ListenAddress 127.0.0.1:{}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
             PidFile none\nSubsystem sftp internal-sftp\n{}",
            ports.main,
            shown(&state.join("host-key")),
            shown(&state.join("user-key.pub")),
            jail.unwrap_or_default()
        );
        fs::write(state.join("sshd.conf"), text).unwrap();
        let mut command = program("sshd");
        command.args(["-D", "-e", "-f"]).arg(state.join("sshd.conf"));
        command
    }

    fn client(&self, ground: &Ground, job: &Job, address: SocketAddr) -> Command {
        let there = there(ground, job.name);
        let name = job.name;
        let line = match job.action {
            Action::Upload => format!("put -f {name} {there}"),
            Action::ResumeUpload => format!("put -af {name} {there}"),
            Action::Download | Action::DownloadLink => format!("get -f {there} {name}"),
            Action::ResumeDownload => format!("get -af {there} {name}"),
        };
        batch(ground, address, &line, &[])
    }
}

/// The path of a name of the share, as this server has it.
pub(crate) fn there(ground: &Ground, name: &str) -> String {
    match ground.jail() {
        Some(_) => format!("/{}", ground.public(name)),
        None => shown(&ground.share().join(name)),
    }
}

/// The client, to carry out this line with these options besides.
///
/// # Panics
/// When the line cannot be written down.
pub(crate) fn batch(ground: &Ground, address: SocketAddr, line: &str, options: &[&str]) -> Command {
    let batch = ground.state().join("batch");
    fs::write(&batch, format!("{line}\n")).unwrap();
    let mut command = program("sftp");
    command.args(["-q", "-F", "none", "-P", &address.port().to_string(), "-i"]);
    command.arg(ground.state().join("user-key")).arg("-b").arg(batch);
    for option in
        ["IdentitiesOnly=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
            .iter()
            .chain(options)
    {
        command.args(["-o", option]);
    }
    command.arg(format!("{}@{}", user_name(), address.ip()));
    command
}

fn user_name() -> String {
    let said = Command::new("id").arg("-un").output().unwrap().stdout;
    String::from_utf8_lossy(&said).trim().to_owned()
}
