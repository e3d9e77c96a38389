//! The signals that a server obeys: SIGINT and SIGTERM end it, SIGHUP makes it read its files again.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use repo_serve::{ReloadHandle, ShutdownHandle};

/// Obeys signals from now on, on a thread of its own.
pub(crate) fn watch(shutdown: ShutdownHandle, reload: ReloadHandle) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let context = runtime.enter();
    let ends = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
    let reloads = signal(SignalKind::hangup())?;
    drop(context);
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async move {
            for end in ends {
                tokio::spawn(on(end, {
                    let shutdown = shutdown.clone();
                    move || shutdown.shutdown()
                }));
            }
            on(reloads, || reload.reload()).await;
        });
    })?;
    Ok(())
}

async fn on(mut signal: Signal, act: impl Fn()) {
    while signal.recv().await.is_some() {
        act();
    }
}
