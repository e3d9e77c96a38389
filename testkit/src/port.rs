use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket, sockopt};

/// A port of 127.0.0.1 for one test: no program is given it by the system as long as this exists, and one that asks for it by its number
/// gets it. Nobody answers at it before.
#[derive(Debug)]
pub struct Port {
    /// Bound and not listening, which keeps others from being given the port; a server, which reuses addresses, can still listen at it.
    _socket: OwnedFd,
    number: u16,
}

impl Port {
    /// Takes a port that is free.
    ///
    /// # Panics
    /// When the system gives none.
    #[must_use]
    pub fn take() -> Self {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        sockopt::set_socket_reuseaddr(&socket, true).expect("an address that can be reused");
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = getsockname(&socket).expect("its address");
        let number = SocketAddr::try_from(address).expect("an address of the internet").port();
        Self { _socket: socket, number }
    }

    /// Returns its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// Returns its address, such as `127.0.0.1:40123`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_port_is_closed_until_somebody_listens_at_it_again_and_again() {
        let port = Port::take();
        for _ in 0..3 {
            let refused = TcpStream::connect(port.address()).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            let listener = TcpListener::bind(port.address()).unwrap();
            let client = TcpStream::connect(port.address()).unwrap();
            // The side that ends first keeps the port for a while, which is no obstacle.
            drop(listener.accept().unwrap());
            drop(client);
        }
    }

    #[test]
    fn nobody_else_is_given_a_port_that_is_taken() {
        let port = Port::take();
        let others: Vec<_> = (0..500).map(|_| Port::take()).collect();
        assert!(others.iter().all(|other| other.number() != port.number()));
    }
}
