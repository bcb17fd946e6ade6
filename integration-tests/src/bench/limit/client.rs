//! The fetching and sending half.
//!
//! It must not do anything beyond what is measured.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread;

use super::server::{land, make_parent};
use super::{DIGEST_BYTES, DOWNLOAD_BYTES, IN_FLIGHT, UPLOAD_BYTES};
use crate::bench::files::{LARGE, SMALL_BYTES, small_name};

/// Does what is said: `ADDRESS download COUNT_OF_CONNECTIONS LENGTH`, `ADDRESS upload`, `ADDRESS download-small COUNT checked`
/// or `ADDRESS upload-small COUNT synced`, in the current folder.
pub(crate) fn run(words: &[String]) -> io::Result<()> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match *words.as_slice() {
        [address, "download", connections, length] => download(address, number(connections), number(length)),
        [address, "upload"] => upload(address),
        [address, "download-small", count, digests] => download_small(address, number(count), digests),
        [address, "upload-small", count, digests] => upload_small(address, number(count), digests),
        _ => Err(io::Error::other("no such job")),
    }
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or(0)
}

fn dial(address: &str) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

fn download(address: &str, connections: u64, length: u64) -> io::Result<()> {
    let file = &File::create(LARGE)?;
    let part = length.div_ceil(connections);
    thread::scope(|scope| {
        let parts = (0..connections).map(|index| (index * part, part.min(length - index * part)));
        let fetchers: Vec<_> = parts.map(|place| scope.spawn(move || fetch(address, file, place))).collect();
        fetchers.into_iter().try_for_each(|fetcher| fetcher.join().unwrap_or(Ok(())))
    })
}

fn fetch(address: &str, file: &File, (offset, length): (u64, u64)) -> io::Result<()> {
    let mut socket = dial(address)?;
    writeln!(socket, "get {LARGE} {offset} {length}")?;
    let mut buffer = vec![0; DOWNLOAD_BYTES];
    let mut at = offset;
    while at < offset + length {
        let count = socket.read(&mut buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.write_all_at(&buffer[..count], at)?;
        at += count as u64;
    }
    Ok(())
}

fn upload(address: &str) -> io::Result<()> {
    let mut file = File::open(LARGE)?;
    let mut socket = dial(address)?;
    writeln!(socket, "put {LARGE} {}", file.metadata()?.len())?;
    let mut buffer = vec![0; UPLOAD_BYTES];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        socket.write_all(&buffer[..count])?;
    }
    socket.read_exact(&mut [0])
}

fn download_small(address: &str, count: u64, digests: &str) -> io::Result<()> {
    let socket = dial(address)?;
    let (mut reader, mut writer) = (BufReader::with_capacity(UPLOAD_BYTES, &socket), BufWriter::new(&socket));
    writeln!(writer, "get-small {digests}")?;
    let count = usize::try_from(count).unwrap_or(0);
    let mut asked = 0;
    let is_checked = digests == "checked";
    let mut buffer = vec![0; DIGEST_BYTES + SMALL_BYTES];
    let from = if is_checked { 0 } else { DIGEST_BYTES };
    let mut parent = PathBuf::new();
    for index in 0..count {
        // Half of what may be under way is asked for at once.
        if asked < count && asked - index <= IN_FLIGHT / 2 {
            let end = count.min(index + IN_FLIGHT);
            for next in asked..end {
                writeln!(writer, "{}", small_name(next))?;
            }
            asked = end;
            writer.flush()?;
        }
        reader.read_exact(&mut buffer[from..])?;
        let path = Path::new(&small_name(index)).to_owned();
        make_parent(&path, &mut parent)?;
        land(&path, &buffer, is_checked)?;
    }
    Ok(())
}

fn upload_small(address: &str, count: u64, digests: &str) -> io::Result<()> {
    let mut socket = dial(address)?;
    let mut writer = BufWriter::with_capacity(UPLOAD_BYTES, &socket);
    writeln!(writer, "put-small {count} {digests}")?;
    let mut buffer = vec![0; SMALL_BYTES];
    for name in (0..usize::try_from(count).unwrap_or(0)).map(small_name) {
        File::open(&name)?.read_exact(&mut buffer)?;
        writeln!(writer, "{name}")?;
        writer.write_all(blake3::hash(&buffer).as_bytes())?;
        writer.write_all(&buffer)?;
    }
    writer.flush()?;
    drop(writer);
    socket.read_exact(&mut [0])
}
