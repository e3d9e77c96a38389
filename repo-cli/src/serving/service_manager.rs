//! What systemd hears of a service (sd_notify(3)): that it is ready, reloads, is alive, and stops.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

use repo_serve::Event;

/// The service manager that started this process, if one did that wants to hear of it.
#[derive(Debug)]
pub(crate) struct ServiceManager {
    socket: Option<UnixDatagram>,
    /// Whether it ends the process when it does not hear that the process is alive.
    has_watchdog: bool,
}

impl ServiceManager {
    /// Finds it by the variables that it sets.
    pub(crate) fn of_this_process() -> Self {
        let own = |id: String| id.parse() == Ok(std::process::id());
        let is_watched = std::env::var_os("WATCHDOG_USEC").is_some();
        let has_watchdog = is_watched && std::env::var("WATCHDOG_PID").map_or(true, own);
        let name = std::env::var_os("NOTIFY_SOCKET");
        let socket = name.and_then(|name| connected(name.as_bytes()).ok());
        Self { socket, has_watchdog }
    }

    /// Reports what happened to the server.
    pub(crate) fn tell(&self, event: Event) {
        let state = match event {
            Event::Started => "READY=1\nSTATUS=answering requests",
            Event::Reloading => "RELOADING=1",
            Event::Reloaded => "READY=1",
            Event::Stopping => "STOPPING=1\nSTATUS=finishing answers",
            Event::Alive if self.has_watchdog => "WATCHDOG=1",
            _ => return,
        };
        if let Some(socket) = &self.socket {
            // A service manager that does not listen keeps nobody from being served.
            let _ = socket.send(state.as_bytes());
        }
    }
}

fn connected(name: &[u8]) -> std::io::Result<UnixDatagram> {
    let address = match name.split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(Path::new(std::ffi::OsStr::from_bytes(name)))?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_manager_with_an_abstract_address_hears_all() {
        let name = format!("repo-cli-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        let told =
            ServiceManager { socket: connected(format!("@{name}").as_bytes()).ok(), has_watchdog: false };
        for event in [Event::Started, Event::Alive, Event::Reloading, Event::Reloaded, Event::Stopping] {
            told.tell(event);
        }
        let mut heard = Vec::new();
        let mut buffer = [0; 100];
        for _ in 0..4 {
            let length = manager.recv(&mut buffer).unwrap();
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            heard.push(text.lines().next().unwrap().to_owned());
        }
        assert_eq!(heard, ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]);
        let nobody = ServiceManager { socket: None, has_watchdog: true };
        nobody.tell(Event::Started);
    }
}
