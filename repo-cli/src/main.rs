//! Placeholder: serves one directory, for trying out the server.

mod serve;

use std::io::{self, BufRead as _};

use serve::{
    Access, IpNetwork, IpNetworkError, Limits, LogEntry, Server, ShutdownHandle, Site, Users, UsersError,
};

/// Arguments: the directory, the address, then for each repository its name, its networks (comma-separated, `-`: any)
/// and its file of users (`-`: none). Stops at the end of standard input.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(root), Some(address)) = (arguments.next(), arguments.next()) else {
        return Err("usage: DIRECTORY ADDRESS [REPOSITORY NETWORKS USERS]...".into());
    };
    let mut site = Site { root: root.into(), access: Default::default() };
    while let (Some(repository), Some(networks), Some(users)) =
        (arguments.next(), arguments.next(), arguments.next())
    {
        let networks = networks.split(',').filter(|network| *network != "-").map(IpNetwork::parse);
        let allow = networks.collect::<Result<Vec<_>, IpNetworkError>>()?;
        let users: Result<Option<Users>, UsersError> =
            (users != "-").then(|| Users::load(users.as_str().into())).transpose();
        site.access.insert(repository, Access { allow, users: users? });
    }
    let mut server = Server::bind(address.as_str(), site)?.with_limits(Limits::default());
    if std::env::var_os("SERVE_LOG").is_some() {
        server = server.with_log(|entry: &LogEntry| {
            use std::io::Write as _;
            let _ = writeln!(io::stderr(), "{entry}");
        });
    }
    io::Write::write_fmt(&mut io::stdout(), format_args!("http://{}/\n", server.local_addr()?))?;
    let handle: ShutdownHandle = server.shutdown_handle();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            if line.is_err() {
                break;
            }
        }
        handle.shutdown();
    });
    server.run()?;
    Ok(())
}
