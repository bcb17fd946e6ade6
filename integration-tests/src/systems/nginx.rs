//! nginx with curl: static files down, its DAV module up.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use super::ground::Ground;
use super::system::{Action, Job, Ports, System, program, shown, version_in};

/// nginx, with this in its configuration.
pub(crate) struct Nginx {
    workers: &'static str,
    http: &'static str,
}

impl Nginx {
    /// Careful with links.
    pub(crate) const USUAL: Self = Self { workers: "1", http: "disable_symlinks on from=$document_root;" };
    /// As its manual advises where speed counts.
    pub(crate) const FAST: Self =
        Self { workers: "auto", http: "sendfile on; tcp_nopush on; keepalive_requests 1000000000;" };
}

impl System for Nginx {
    fn name(&self) -> &'static str {
        "nginx, curl"
    }

    fn version(&self) -> String {
        let server = version_in("nginx -v", "nginx/", '\n');
        format!("{server}, curl {}", version_in("curl --version", "curl ", ' '))
    }

    fn options(&self) -> &'static str {
        "`dav_methods PUT`, `disable_symlinks on`; `curl -f -T`, `curl -f -o`; downloads resumed with `-C -`"
    }

    fn needs(&self) -> &'static [(&'static str, &'static str)] {
        &[("nginx", "nginx"), ("curl", "curl")]
    }

    fn server(&self, ground: &Ground, ports: Ports) -> Command {
        let state = ground.state();
        // On the same file system as the files, as its manual advises.
        fs::create_dir_all(ground.share().join(".nginx")).unwrap();
        let is_root = rustix::process::getuid().is_root();
        let user = if is_root { "user root;\n" } else { "" };
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {};\n", shown(&ground.share().join(".nginx").join(name))))
            .concat();
        let text = format!(
            "daemon off;\n{user}worker_processes {};\npid {};\nerror_log stderr;\n\
             events {{ worker_connections 16384; }}\nhttp {{\naccess_log off;\nclient_max_body_size 0;\n{temporary}\
             server {{ listen 127.0.0.1:{}; root {}; dav_methods PUT DELETE MKCOL; create_full_put_path on;\n\
             {} }}\n}}\n",
            self.workers,
            shown(&state.join("nginx.pid")),
            ports.main,
            shown(&ground.share()),
            self.http
        );
        fs::write(state.join("nginx.conf"), text).unwrap();
        let mut command = program("nginx");
        command.arg("-p").arg(&state).arg("-c").arg(state.join("nginx.conf")).args(["-e", "stderr"]);
        command
    }

    fn client(&self, _: &Ground, job: &Job, address: SocketAddr) -> Command {
        // It refuses to continue an upload.
        let is_resuming = job.action == Action::ResumeDownload;
        curl(job, &format!("http://{address}/{}", job.name), is_resuming)
    }
}

/// curl for any of its protocols.
pub(crate) fn curl(job: &Job, place: &str, is_resuming: bool) -> Command {
    let mut command = program("curl");
    command.args(["-q", "-fsS", "--noproxy", "*"]);
    if is_resuming {
        command.args(["-C", "-"]);
    }
    command.args([if job.is_upload() { "-T" } else { "-o" }, job.name, place]);
    command
}
