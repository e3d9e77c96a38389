//! Who approves: a user as the system knows them, or the holder of a token. Whom `--actor` names plays no part.
//!
//! Behind sudo it is the user who called it, where the verb runs as root or as the owner of the store: both can write its files anyway, so
//! what the environment says gives them nothing that they do not have.

use repo_store::model::HolderName;
use repo_store::operations::approvals::Approver;
use rustix::process::getuid;

use crate::session::{self, Session};

/// The variable in which the interface for programs names the holder of the token to the verbs that it runs.
pub(crate) const TOKEN_HOLDER: &str = "REPO_TOKEN_HOLDER";

/// Returns who approves.
pub(crate) fn approver(session: &Session) -> Approver {
    let own = getuid().as_raw();
    let is_trusted = own == 0 || session.is_owner();
    let said = |name| std::env::var(name).ok().filter(|_| is_trusted);
    if let Some(holder) = said(TOKEN_HOLDER).and_then(|name| HolderName::parse(&name).ok()) {
        return Approver::token(holder);
    }
    let number = said("SUDO_UID").and_then(|number| number.parse().ok()).unwrap_or(own);
    Approver::user(number, &session::login_name(number))
}
