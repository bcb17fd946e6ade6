//! The serving half: a thread for each connection, whose first line says what is wanted.
//!
//! It must not check anything beyond what is measured: it serves nobody but its other half.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use rustix::fs::{sendfile, syncfs};

use super::{DIGEST_BYTES, GROUP, UPLOAD_BYTES};
use crate::bench::files::SMALL_BYTES;

/// Serves a folder for ever.
pub(crate) fn run(folder: &Path) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    let folder: Arc<PathBuf> = Arc::new(folder.to_owned());
    for socket in listener.incoming() {
        let (socket, folder) = (socket?, Arc::clone(&folder));
        // That its other half has gone is its end.
        thread::spawn(move || serve(&socket, &folder));
    }
    Ok(())
}

fn serve(socket: &TcpStream, folder: &Path) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(UPLOAD_BYTES, socket);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let words: Vec<&str> = line.split_whitespace().collect();
    match *words.as_slice() {
        ["get", name, offset, length] => send(socket, &folder.join(name), [offset, length].map(number)),
        ["put", name, length] => receive(&mut reader, &folder.join(name), number(length)),
        ["get-small", digests] => send_small(&mut reader, folder, digests == "checked"),
        ["put-small", count, care] => receive_small(&mut reader, folder, number(count), care),
        _ => Ok(()),
    }
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or(0)
}

fn send(socket: &TcpStream, path: &Path, [offset, length]: [u64; 2]) -> io::Result<()> {
    let file = File::open(path)?;
    let (mut offset, end) = (offset, offset + length);
    while offset < end {
        let count = usize::try_from(end - offset).unwrap_or(usize::MAX);
        sendfile(socket, &file, Some(&mut offset), count)?;
    }
    Ok(())
}

fn receive(reader: &mut BufReader<&TcpStream>, path: &Path, length: u64) -> io::Result<()> {
    let mut file = File::create(path)?;
    let early = reader.buffer().to_vec();
    file.write_all(&early)?;
    let mut socket: &TcpStream = reader.get_ref();
    let mut left = length - early.len() as u64;
    let mut buffer = vec![0; UPLOAD_BYTES];
    while left > 0 {
        let count = socket.read(&mut buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.write_all(&buffer[..count])?;
        left -= count as u64;
    }
    socket.write_all(b"k")
}

/// Each line is a name, and its answer the file; what was answered goes out when nothing more has come.
fn send_small(reader: &mut BufReader<&TcpStream>, folder: &Path, has_digests: bool) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(UPLOAD_BYTES, *reader.get_ref());
    let mut line = String::new();
    let mut buffer = vec![0; SMALL_BYTES];
    while reader.read_line(&mut line)? > 0 {
        File::open(folder.join(line.trim_end()))?.read_exact(&mut buffer)?;
        if has_digests {
            writer.write_all(blake3::hash(&buffer).as_bytes())?;
        }
        writer.write_all(&buffer)?;
        line.clear();
        if reader.buffer().is_empty() {
            writer.flush()?;
        }
    }
    writer.flush()
}

/// Names, digests and files follow each other; one byte at the end says that all are there.
fn receive_small(
    reader: &mut BufReader<&TcpStream>,
    folder: &Path,
    count: u64,
    care: &str,
) -> io::Result<()> {
    let mut group = Group { folder, waiting: Vec::new() };
    let mut line = String::new();
    let mut buffer = vec![0; DIGEST_BYTES + SMALL_BYTES];
    let mut parent = PathBuf::new();
    for _ in 0..count {
        line.clear();
        reader.read_line(&mut line)?;
        reader.read_exact(&mut buffer)?;
        let path = folder.join(line.trim_end());
        make_parent(&path, &mut parent)?;
        if care == "synced" {
            group.add(path, &buffer)?;
        } else {
            land(&path, &buffer, care == "checked")?;
        }
    }
    group.land()?;
    let mut socket: &TcpStream = reader.get_ref();
    socket.write_all(b"k")
}

/// Files that land together: all are synced at once, then have their names, and their folders and a row for each are safe, too.
struct Group<'a> {
    folder: &'a Path,
    waiting: Vec<(PathBuf, Vec<u8>)>,
}

impl Group<'_> {
    fn add(&mut self, path: PathBuf, bytes: &[u8]) -> io::Result<()> {
        let digest = store_beside(&path, bytes)?;
        self.waiting.push((path, digest.as_bytes().to_vec()));
        if self.waiting.len() < GROUP { Ok(()) } else { self.land() }
    }

    fn land(&mut self) -> io::Result<()> {
        syncfs(File::open(self.folder)?)?;
        let (mut rows, mut folders) = (Vec::new(), BTreeSet::new());
        for (path, digest) in self.waiting.drain(..) {
            fs::rename(beside(&path), &path)?;
            rows.extend(digest);
            rows.extend(path.as_os_str().as_encoded_bytes());
            folders.extend(path.parent().map(Path::to_owned));
        }
        folders.iter().try_for_each(|folder| File::open(folder)?.sync_all())?;
        File::options().append(true).create(true).open(self.folder.join("digests"))?.write_all(&rows)
    }
}

/// Makes the folder of a file, if it is not that of the last one.
pub(super) fn make_parent(path: &Path, last: &mut PathBuf) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    if folder != last {
        fs::create_dir_all(folder)?;
        folder.clone_into(last);
    }
    Ok(())
}

/// Writes a file whose digest comes before it: at once, or under another name until its digest is right.
pub(super) fn land(path: &Path, bytes: &[u8], is_checked: bool) -> io::Result<()> {
    if is_checked {
        store_beside(path, bytes)?;
        return fs::rename(beside(path), path);
    }
    let content = &bytes[DIGEST_BYTES..];
    // Nobody asks for it, and who moves files verified has to know it.
    black_box(blake3::hash(content));
    File::create(path)?.write_all(content)
}

/// Writes a file under another name, and gives its digest, which must be the one before it.
fn store_beside(path: &Path, bytes: &[u8]) -> io::Result<blake3::Hash> {
    let (digest, content) = bytes.split_at(DIGEST_BYTES);
    File::create(beside(path))?.write_all(content)?;
    let found = blake3::hash(content);
    if found.as_bytes() == digest { Ok(found) } else { Err(io::Error::other("a wrong digest")) }
}

fn beside(path: &Path) -> PathBuf {
    path.with_extension("partial")
}
