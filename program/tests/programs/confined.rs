//! What a process can still do after it confined itself to one folder: it tries, and says for each what came of it.
//!
//! It must not know what the tests expect.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{FileExt, symlink};
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use clap::Args;
use program::confinement::{Confined, Confinement};
use program::exit::ExitStatus;
use program::output::Output;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::fs::{CWD, Mode, OFlags, RenameFlags, renameat_with, syncfs};
use rustix::process::{getppid, test_kill_process};

#[derive(Debug, Args)]
pub(super) struct Tried {
    /// The one folder that may be changed
    #[arg(long, default_value = ".")]
    inside: PathBuf,
    /// A folder that may not be used, but for the file `readable` in it
    #[arg(long, default_value = ".")]
    outside: PathBuf,
    /// A port at which somebody listens, and the name of an abstract socket
    #[arg(long, default_value = "0")]
    port: u16,
    /// Whether to be confined at all
    #[arg(long)]
    free: bool,
    /// Whether to have a thread before
    #[arg(long)]
    late: bool,
    /// Whether to connect over TCP
    #[arg(long)]
    connects: bool,
}

/// What was opened before.
struct Before {
    name: OwnedFd,
    status: File,
    folder: File,
}

type Attempt<'a> = (&'static str, &'a dyn Fn() -> io::Result<()>);

pub(super) fn try_all(tried: &Tried, output: &Output) -> ExitStatus {
    let Ok((before, confined)) = prepare(tried) else { return ExitStatus::Failed };
    if let Some(confined) = confined {
        output.line(confined);
    }
    let Ok(status) = io::read_to_string(&before.status) else { return ExitStatus::Failed };
    status.lines().filter(|line| line.starts_with("NoNewPrivs")).for_each(|line| output.line(line));
    inside(&tried.inside, &before, output);
    outside(tried, &before, output);
    beyond(tried, output);
    ExitStatus::Done
}

fn prepare(tried: &Tried) -> io::Result<(Before, Option<Confined>)> {
    let secret = tried.outside.join("secret");
    let name = rustix::fs::open(&secret, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let before =
        Before { name, status: File::open("/proc/self/status")?, folder: File::open(&tried.inside)? };
    symlink(&secret, tried.inside.join("link"))?;
    if tried.free {
        return Ok((before, None));
    }
    // Gone with the process.
    let _thread = tried.late.then(|| {
        std::thread::spawn(|| {
            loop {
                std::thread::park();
            }
        })
    });
    let allowed = Confinement::new().may_change_in(before.folder.as_fd());
    let allowed = allowed.may_read(&tried.outside.join("readable"));
    let allowed = if tried.connects { allowed.may_connect() } else { allowed };
    let confined = allowed.enter().map_err(io::Error::other)?;
    Ok((before, Some(confined)))
}

fn report(attempts: &[Attempt<'_>], output: &Output) {
    for (name, attempt) in attempts {
        match attempt() {
            Ok(()) => output.line(format_args!("{name}: done")),
            Err(error) => output.line(format_args!("{name}: {}", kind(&error))),
        }
    }
}

/// `refused`, whatever the system calls it here, or the error itself.
fn kind(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::CrossesDevices => "refused".to_owned(),
        _ => error.to_string(),
    }
}

fn inside(folder: &Path, before: &Before, output: &Output) {
    let at = |name: &str| folder.join(name);
    let watch = || {
        let events = inotify::init(CreateFlags::CLOEXEC)?;
        inotify::add_watch(&events, folder, WatchFlags::CREATE)?;
        File::create(at("watched"))?;
        rustix::io::read(&events, &mut [0; 512]).map(drop).map_err(Into::into)
    };
    let move_between = || {
        fs::create_dir(at("folder"))?;
        renameat_with(CWD, at("file"), CWD, at("folder/moved"), RenameFlags::NOREPLACE)?;
        fs::rename(at("link"), at("folder/link"))
    };
    let attempts: [Attempt<'_>; 9] = [
        ("create", &|| File::create(at("file"))?.write_all(b"bytes")),
        ("sync", &|| File::open(at("file"))?.sync_all().and(before.folder.sync_all())),
        ("sync the file system", &|| Ok(syncfs(&before.folder)?)),
        ("set times", &|| {
            OpenOptions::new().write(true).open(at("file"))?.set_modified(SystemTime::UNIX_EPOCH)
        }),
        ("keep a database", &|| database(&at("database"))),
        ("watch", &watch),
        ("bind a socket", &|| UnixListener::bind(at("socket")).map(drop)),
        ("list", &|| fs::read_dir(folder).map(drop)),
        ("remove", &|| fs::remove_file(at("database"))),
    ];
    report(&attempts, output);
    report(&[("read through a link", &|| File::open(at("link")).map(drop))], output);
    report(&[("move between folders", &move_between)], output);
}

fn database(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
    file.lock()?;
    file.set_len(1 << 20)?;
    file.write_all_at(b"row", 4096)?;
    file.read_exact_at(&mut [0; 3], 4096)?;
    file.set_len(8192)?;
    file.sync_data()
}

fn outside(tried: &Tried, before: &Before, output: &Output) {
    let at = |name: &str| tried.outside.join(name);
    let handle = format!("/proc/self/fd/{}", before.name.as_raw_fd());
    let read = |path: &Path| File::open(path).map(drop);
    let secret = at("secret");
    let later = || {
        std::thread::spawn({
            let secret = secret.clone();
            move || File::open(secret).map(drop)
        })
    };
    let attempts: [Attempt<'_>; 10] = [
        ("read what is granted", &|| read(&at("readable"))),
        ("read elsewhere", &|| read(&secret)),
        ("read elsewhere in a later thread", &|| later().join().unwrap_or(Ok(()))),
        ("read through a handle's name", &|| read(Path::new(&handle))),
        ("list elsewhere", &|| fs::read_dir(&tried.outside).map(drop)),
        ("write elsewhere", &|| OpenOptions::new().append(true).open(&secret).map(drop)),
        ("create elsewhere", &|| File::create(at("new")).map(drop)),
        ("link inside", &|| fs::hard_link(&secret, tried.inside.join("hard"))),
        ("move outside", &|| fs::rename(tried.inside.join("watched"), at("moved"))),
        ("remove elsewhere", &|| fs::remove_file(at("readable"))),
    ];
    report(&attempts, output);
}

fn beyond(tried: &Tried, output: &Output) {
    let attempts: [Attempt<'_>; 5] = [
        ("connect", &|| TcpStream::connect(("127.0.0.1", tried.port)).map(drop)),
        ("listen", &|| TcpListener::bind("127.0.0.1:0").map(drop)),
        ("signal another", &|| match getppid() {
            Some(parent) => Ok(test_kill_process(parent)?),
            None => Ok(()),
        }),
        ("connect to an abstract socket", &|| {
            let name = SocketAddr::from_abstract_name(tried.port.to_string())?;
            UnixStream::connect_addr(&name).map(drop)
        }),
        ("start a program", &|| Command::new("/bin/true").status().map(drop)),
    ];
    report(&attempts, output);
}
