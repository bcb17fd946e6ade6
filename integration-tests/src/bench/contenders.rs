//! Who moves files, and how each is told to: the limit, ours, and those that people use.
//!
//! It must not know how they are measured.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::files::{LARGE, TREE, small_name};
use super::limit::{self, Limit};
use super::site::{Contender, Site, itself};
use super::sizes::Sizes;
use crate::systems::nginx::Nginx;
use crate::systems::ours::Ours;
use crate::systems::rsync::Rsync;
use crate::systems::sftp::{self, Sftp};
use crate::systems::system::{Action, Job, System, program};
use crate::systems::vsftpd::Vsftpd;

/// The row that others are compared with, of large files.
pub(crate) const LIMIT: &str = "limit: read + write";
/// The row that others are compared with, of small files and listings.
pub(crate) const RSYNC: &str = "rsync daemon";

type Needs = &'static [(&'static str, &'static str)];

const NGINX: Needs = &[("nginx", "nginx"), ("curl", "curl")];
const VSFTPD: Needs = &[("vsftpd", "vsftpd"), ("curl", "curl")];
const NEEDS_RSYNC: Needs = &[("rsync", "rsync")];
const SSH: Needs =
    &[("sftp", "openssh-client"), ("ssh-keygen", "openssh-client"), ("sshd", "openssh-server")];
const LFTP: Needs = &[("vsftpd", "vsftpd"), ("lftp", "lftp")];
pub(crate) const ARIA2: Needs = &[("nginx", "nginx"), ("aria2c", "aria2")];

/// The fastest cipher that OpenSSH has here.
const CIPHER: &[&str] = &["Ciphers=aes128-gcm@openssh.com"];

const fn contender(
    name: &'static str,
    needs: Needs,
    system: fn(&Path) -> Box<dyn System>,
    client: fn(&Site, &Sizes) -> Command,
) -> Contender {
    Contender { name, needs, system, client, is_fresh: false }
}

/// Those that fetch one large file.
pub(crate) fn of_large_downloads() -> Vec<Contender> {
    vec![
        contender(LIMIT, &[], the_limit, |site, sizes| fetch_limited(site, sizes.large_bytes)),
        contender("limit: two connections", &[], the_limit, |site, sizes| {
            limited(site, &["download", "2", &sizes.large_bytes.to_string()])
        }),
        contender("ioe", &[], ours, |site, _| site.ours(&format!("READ {LARGE}"))),
        Contender {
            is_fresh: true,
            ..contender("ioe, not yet hashed", &[], ours, |site, _| site.ours(&format!("READ {LARGE}")))
        },
        contender("ioe, two connections", &[], ours, |site, _| {
            let mut command = site.ours(&format!("READ {LARGE}"));
            command.arg("--source").arg(site.address.to_string());
            command
        }),
        contender("ioe, TLS", &[], ours_inviting, |site, _| site.ours_over_tls(&format!("READ {LARGE}"))),
        contender("nginx, curl", NGINX, nginx, |site, _| usual(site, Action::Download)),
        contender("vsftpd, curl", VSFTPD, vsftpd, |site, _| usual(site, Action::Download)),
        contender("vsftpd, lftp", LFTP, vsftpd, |site, _| lftp(site, "get @", LARGE)),
        contender("rsync -W", NEEDS_RSYNC, rsync, |site, _| rsync_down(site, &["-W"], LARGE)),
        contender("sftp, aes128-gcm", SSH, sshd, |site, _| {
            sftp_line(site, &format!("get {} {LARGE}", sftp::there(&site.ground, LARGE)))
        }),
        contender("nginx, aria2c -x4", ARIA2, nginx, aria2),
    ]
}

/// Those that send one large file.
pub(crate) fn of_large_uploads() -> Vec<Contender> {
    vec![
        contender(LIMIT, &[], the_limit, |site, _| limited(site, &["upload"])),
        contender("ioe, synced", &[], ours, |site, _| site.ours(&format!("WRITE {LARGE}"))),
        contender("ioe, synced, not yet hashed", &[], ours, |site, _| {
            let mut command = site.ours(&format!("WRITE {LARGE}"));
            // Where nothing can be kept, no digest is known.
            command.args(["--state-dir", "/dev/null/state"]);
            command
        }),
        contender("ioe, synced, TLS", &[], ours_inviting, |site, _| {
            site.ours_over_tls(&format!("WRITE {LARGE}"))
        }),
        contender("rsync -W", NEEDS_RSYNC, rsync, |site, _| rsync_up(site, &["-W"], LARGE)),
        contender("rsync -W --fsync", NEEDS_RSYNC, rsync, |site, _| {
            rsync_up(site, &["-W", "--fsync"], LARGE)
        }),
        contender("nginx DAV, curl", NGINX, nginx, |site, _| usual(site, Action::Upload)),
        contender("vsftpd, curl", VSFTPD, vsftpd, |site, _| usual(site, Action::Upload)),
        contender("vsftpd, lftp", LFTP, vsftpd, |site, _| lftp(site, "put large.bin -o @", LARGE)),
        contender("sftp, aes128-gcm", SSH, sshd, |site, _| {
            sftp_line(site, &format!("put {LARGE} {}", sftp::there(&site.ground, LARGE)))
        }),
        contender("sftp, aes128-gcm, synced", SSH, sshd, |site, _| {
            sftp_line(site, &format!("put -f {LARGE} {}", sftp::there(&site.ground, LARGE)))
        }),
    ]
}

/// Those that fetch many small files.
pub(crate) fn of_small_downloads() -> Vec<Contender> {
    vec![
        contender("limit: 64 in flight, BLAKE3", &[], the_limit, |site, sizes| {
            limited(site, &["download-small", &sizes.small_count.to_string(), "plain"])
        }),
        contender("limit: the same, digest, rename", &[], the_limit, |site, sizes| {
            limited(site, &["download-small", &sizes.small_count.to_string(), "checked"])
        }),
        contender("ioe", &[], ours, |site, _| site.ours(&format!("READ -r {TREE}"))),
        contender("ioe, TLS", &[], ours_inviting, |site, _| site.ours_over_tls(&format!("READ -r {TREE}"))),
        contender(RSYNC, NEEDS_RSYNC, rsync, |site, _| rsync_down(site, &["-r"], TREE)),
        contender("nginx, curl -Z", NGINX, nginx, curl_in_parallel),
        contender("nginx, aria2c -j8", ARIA2, nginx, aria2_in_parallel),
        contender("vsftpd, lftp mirror", LFTP, vsftpd, |site, _| lftp(site, "mirror -P4 @ tree", TREE)),
        contender("sftp get -r", SSH, sshd, |site, _| {
            sftp_line(site, &format!("get -r {} {TREE}", sftp::there(&site.ground, TREE)))
        }),
    ]
}

/// Those that send many small files.
pub(crate) fn of_small_uploads() -> Vec<Contender> {
    vec![
        contender("limit: a stream, BLAKE3", &[], the_limit, |site, sizes| {
            limited(site, &["upload-small", &sizes.small_count.to_string(), "plain"])
        }),
        contender("limit: the same, digest, rename", &[], the_limit, |site, sizes| {
            limited(site, &["upload-small", &sizes.small_count.to_string(), "checked"])
        }),
        contender("limit: the same, synced, digest row", &[], the_limit, |site, sizes| {
            limited(site, &["upload-small", &sizes.small_count.to_string(), "synced"])
        }),
        contender("ioe, synced", &[], ours, |site, _| site.ours(&format!("WRITE -r {TREE}"))),
        contender("ioe, synced, TLS", &[], ours_inviting, |site, _| {
            site.ours_over_tls(&format!("WRITE -r {TREE}"))
        }),
        contender(RSYNC, NEEDS_RSYNC, rsync, |site, _| rsync_up(site, &["-r"], TREE)),
        contender("rsync daemon, --fsync", NEEDS_RSYNC, rsync, |site, _| {
            rsync_up(site, &["-r", "--fsync"], TREE)
        }),
        contender("vsftpd, lftp mirror -R", LFTP, vsftpd, |site, _| lftp(site, "mirror -R -P4 tree @", TREE)),
        contender("sftp put -r", SSH, sshd, |site, _| {
            sftp_line(site, &format!("put -r {TREE} {}", sftp::there(&site.ground, TREE)))
        }),
    ]
}

/// Those that list a folder of this name.
pub(crate) fn of_listings() -> Vec<Contender> {
    vec![
        contender("ioe LIST", &[], ours, |site, _| site.ours(&format!("LIST {TREE}"))),
        contender("ioe LIST, TLS", &[], ours_inviting, |site, _| site.ours_over_tls(&format!("LIST {TREE}"))),
        contender(RSYNC, NEEDS_RSYNC, rsync, |site, _| {
            let mut command = program("rsync");
            command.arg("--list-only").arg(format!("rsync://{}/share/{TREE}/", site.address));
            command
        }),
    ]
}

pub(crate) fn the_limit(programs: &Path) -> Box<dyn System> {
    Box::new(Limit { program: itself(programs) })
}

/// Our server with room for all that come.
pub(crate) fn ours(programs: &Path) -> Box<dyn System> {
    Box::new(Ours::in_folder(programs).with(&["--max-connections", "20000"]))
}

/// The same, which writes no line for each request, as nginx does here.
pub(crate) fn ours_quiet(programs: &Path) -> Box<dyn System> {
    Box::new(Ours::in_folder(programs).with(&["--max-connections", "20000", "--quiet"]))
}

/// Our server, which gives all together so much.
pub(crate) fn ours_limited(programs: &Path) -> Box<dyn System> {
    Box::new(Ours::in_folder(programs).with(&["--max-connections", "20000", "--limit-rate", "200MiB"]))
}

/// Our server, which lets somebody in over TLS.
fn ours_inviting(programs: &Path) -> Box<dyn System> {
    Box::new(Ours::in_folder(programs).with(&["--max-connections", "20000", "--invite", "benchmark:write"]))
}

/// The same, which lets strangers read over TLS, too.
pub(crate) fn ours_public(programs: &Path) -> Box<dyn System> {
    let options = &["--max-connections", "20000", "--invite", "benchmark:write", "--public", "read"];
    Box::new(Ours::in_folder(programs).with(options))
}

/// nginx as fast as it is.
pub(crate) fn nginx(_: &Path) -> Box<dyn System> {
    Box::new(Nginx::FAST)
}

fn vsftpd(_: &Path) -> Box<dyn System> {
    Box::new(Vsftpd::PARALLEL)
}

fn rsync(_: &Path) -> Box<dyn System> {
    Box::new(Rsync::ASIDE)
}

fn sshd(_: &Path) -> Box<dyn System> {
    Box::new(Sftp)
}

fn limited(site: &Site, words: &[&str]) -> Command {
    let mut command = site.itself();
    command.arg(limit::CLIENT).arg(site.address.to_string()).args(words);
    command
}

/// The client of the limit, to fetch a large file over one connection.
pub(crate) fn fetch_limited(site: &Site, length: u64) -> Command {
    limited(site, &["download", "1", &length.to_string()])
}

/// The client as it is told to move any file.
fn usual(site: &Site, action: Action) -> Command {
    site.system.client(&site.ground, &Job { action, name: LARGE }, site.address)
}

fn rsync_down(site: &Site, options: &[&str], name: &str) -> Command {
    let mut command = program("rsync");
    command.args(options).arg(format!("rsync://{}/share/{name}", site.address)).arg(".");
    command
}

fn rsync_up(site: &Site, options: &[&str], name: &str) -> Command {
    let mut command = program("rsync");
    command.args(options).arg(name).arg(format!("rsync://{}/share/", site.address));
    command
}

fn sftp_line(site: &Site, line: &str) -> Command {
    sftp::batch(&site.ground, site.address, line, CIPHER)
}

/// `verb`, with this place on the server instead of `@`: from where a login begins, for a server without a jail takes `/` for the root of
/// this machine.
fn lftp(site: &Site, verb: &str, name: &str) -> Command {
    let line = verb.replace('@', &site.ground.public(name));
    let set = "set ftp:prefer-epsv yes; set net:timeout 10; set cmd:fail-exit yes";
    let mut command = program("lftp");
    command.args(["-c", &format!("{set}; open ftp://{}; {line}", site.address)]);
    command
}

fn aria2(site: &Site, _: &Sizes) -> Command {
    let mut command = program("aria2c");
    command.args(["--no-conf", "-q", "-x4", "-s4", "-k1M", "--file-allocation=none", "-o", LARGE]);
    command.arg(format!("http://{}/{LARGE}", site.address));
    command
}

/// A file with what `line` says of each small file.
fn list(site: &Site, sizes: &Sizes, line: impl Fn(String) -> String) -> PathBuf {
    let list = site.ground.state().join("list");
    fs::write(&list, (0..sizes.small_count).map(small_name).map(line).collect::<String>()).unwrap();
    list
}

/// One aria2 with a list of all names.
fn aria2_in_parallel(site: &Site, sizes: &Sizes) -> Command {
    let list = list(site, sizes, |name| format!("http://{}/{name}\n out={name}\n", site.address));
    let mut command = program("aria2c");
    command.args(["--no-conf", "-q", "-j8", "--file-allocation=none", "-i"]).arg(list);
    command
}

/// One curl with a list of all names.
fn curl_in_parallel(site: &Site, sizes: &Sizes) -> Command {
    let list =
        list(site, sizes, |name| format!("url = \"http://{}/{name}\"\noutput = \"{name}\"\n", site.address));
    let mut command = program("curl");
    command
        .args(["-q", "-fsS", "--noproxy", "*", "-Z", "--parallel-max", "64", "--create-dirs", "-K"])
        .arg(list);
    command
}
