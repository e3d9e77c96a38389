//! The signals that a service obeys: SIGINT and SIGTERM end it, SIGHUP makes it look at its files again.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Obeys signals from now on, on a thread of its own.
pub(crate) fn watch(
    end: impl Fn() + Clone + Send + 'static,
    reload: impl Fn() + Send + 'static,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let context = runtime.enter();
    let ends = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
    let reloads = signal(SignalKind::hangup())?;
    drop(context);
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async move {
            for signal in ends {
                tokio::spawn(on(signal, end.clone()));
            }
            on(reloads, reload).await;
        });
    })?;
    Ok(())
}

async fn on(mut signal: Signal, act: impl Fn()) {
    while signal.recv().await.is_some() {
        act();
    }
}
