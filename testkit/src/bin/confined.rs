//! A process that is confined as one that reads packages, and then reads packages or tries what such a process must not be able to do.
//!
//! `confined --read-packages`, or `confined WHAT TARGET…`: prints for each what came of trying it.
#![allow(clippy::print_stdout)]

use std::fs::File;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode};

const MEMORY: u64 = 1 << 30;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "--read-packages") {
        return if deb_sandbox::read_packages().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    match deb_sandbox::confine(MEMORY) {
        Ok(confinement) => println!("{confinement}"),
        Err(error) => println!("not confined: {error}"),
    }
    for pair in arguments.chunks_exact(2) {
        let [what, target] = pair else { continue };
        let tried = attempt(what, target).map_err(|error| error.kind());
        println!("{what} {target}: {}", tried.map_or_else(|kind| kind.to_string(), |()| "done".to_owned()));
    }
    ExitCode::SUCCESS
}

fn attempt(what: &str, target: &str) -> std::io::Result<()> {
    match what {
        "read" => File::open(target).map(drop),
        "write" => File::create(target).map(drop),
        "remove" => std::fs::remove_file(target),
        "list" => std::fs::read_dir(target).map(drop),
        "run" => Command::new(target).spawn().map(drop),
        "connect" => TcpStream::connect(target).map(drop),
        "connect-local" => UnixStream::connect(target).map(drop),
        "listen" => TcpListener::bind(target).map(drop),
        "send" => UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"x", target)).map(drop),
        "memory" => {
            let bytes: usize = target.parse().map_err(std::io::Error::other)?;
            Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| std::io::ErrorKind::OutOfMemory.into())
        }
        _ => Err(std::io::ErrorKind::Unsupported.into()),
    }
}
