//! Files that clients send: from their bodies into the queue of what is added.

use std::fs::File;
use std::io;
use std::sync::Arc;

use camino::Utf8PathBuf;
use hyper::StatusCode;
use hyper::body::Incoming;

use super::answer::{Answer, Refusal};
use super::call::Matched;
use super::kept::Begin;
use super::queue::{self, Group};
use super::staging::{self, Place, Received};
use super::{Api, Asked, Head, caller, fingerprint, has_commit, still_here, unauthorized};
use crate::connection::Pulse;
use crate::site::OpenSite;

impl Api {
    /// Takes a file of an upload, and adds it, or what it lists, or lets it wait for its list.
    pub(super) async fn upload(
        self: &Arc<Self>,
        site: &Arc<OpenSite>,
        pulse: &Pulse,
        head: &Head<'_>,
        matched: Matched,
        asked: Asked,
        body: &mut Incoming,
    ) -> Result<Answer, Refusal> {
        let name = matched.route.file().and_then(|name| matched.value(name)).unwrap_or_default().to_owned();
        let is_set = head.path.contains("/uploads/");
        let request = matched.read(head.query, b"")?;
        self.check_request(site, &request, &asked)?;
        let is_last = name.ends_with(".changes");
        let is_package = [".deb", ".udeb", ".ddeb", ".dsc"].iter().any(|suffix| name.ends_with(suffix));
        if !is_set && !is_package {
            let what = format!("{name}: not the name of a .deb or .dsc file");
            return Err(Refusal::request(what).hint("upload the files of a .changes set below uploads/"));
        }
        let (place, file) = self.place(&name).await?;
        let waits = is_set && !is_last;
        let taken = async {
            let received =
                staging::receive(body, pulse, (place.path(), &name, file), self.max_upload).await?;
            // The token may have been revoked meanwhile.
            if caller(site, &asked.repository, head).await? != asked.caller {
                return Err(unauthorized());
            }
            let gathered = if waits {
                self.keep(&asked, received.clone()).await?;
                Vec::new()
            } else if is_last || name.ends_with(".dsc") {
                self.gather(&asked, received.clone()).await?
            } else {
                Vec::new()
            };
            Ok((received, gathered))
        };
        let (received, gathered) = match taken.await {
            Ok(taken) if !waits => taken,
            ended => {
                Place::remove(vec![place]).await;
                let (received, _) = ended?;
                let document = serde_json::json!({ "format": 1, "waiting": name, "size": received.size });
                return Ok(Answer::document(StatusCode::ACCEPTED, &document));
            }
        };
        let fingerprint = fingerprint(head, &received.digest);
        let arguments = request.arguments(&asked.names, None, None).with_options(&["--keep-going"]);
        let group = Group { token: asked.caller.id.clone(), holder: asked.caller.name.clone(), arguments };
        let api = Arc::clone(self);
        let carried_out = async move {
            let fresh = match api.begin(&asked, fingerprint).await {
                Ok(Some(Begin::Fresh(fresh))) => Some(fresh),
                Ok(None) => None,
                Ok(Some(Begin::Known(answer))) => {
                    Place::remove(vec![place]).await;
                    return Ok(answer);
                }
                Err(refusal) => {
                    Place::remove(vec![place]).await;
                    return Err(refusal);
                }
            };
            let share = match queue::add(&api, group, (place, received.path.into_string())).await {
                Ok(share) => share,
                Err(failed) => return Err(failed.end(fresh, &api.files).await),
            };
            if share.status.is_success() && !request.is_set("dry_run") {
                // One that stays goes after a day.
                let remove = move || gathered.iter().for_each(|path| drop(std::fs::remove_file(path)));
                let _ = api.files.run(remove).await;
            }
            let answer = Answer::document(share.status, &share.document);
            Ok(api.finish(fresh, answer, has_commit(&share.document)).await)
        };
        still_here(pulse, tokio::spawn(carried_out)).await.map_err(Refusal::trouble)?
    }

    /// Makes a directory for an upload, with an empty file of that name.
    async fn place(&self, name: &str) -> Result<(Place, File), Refusal> {
        let (staging, files, name) = (Arc::clone(&self.staging), self.files.clone(), name.to_owned());
        let make = move || {
            let place = staging.place(files)?;
            let file = staging::create(&place.path().join(name))?;
            Ok::<_, io::Error>((place, file))
        };
        self.files.run(make).await.and_then(|made| made).map_err(Refusal::trouble)
    }

    /// Keeps a file until the rest of its upload comes.
    async fn keep(&self, asked: &Asked, received: Received) -> Result<(), Refusal> {
        let (staging, owner, largest) = (Arc::clone(&self.staging), asked.owner(), self.max_upload);
        let keep = move || staging.keep((&owner.0, &owner.1), &received, largest);
        self.files.run(keep).await.map_err(Refusal::trouble)?
    }

    /// Brings files that waited to the list that names them.
    async fn gather(&self, asked: &Asked, list: Received) -> Result<Vec<Utf8PathBuf>, Refusal> {
        let (staging, owner) = (Arc::clone(&self.staging), asked.owner());
        let gather = move || staging.gather((&owner.0, &owner.1), &list);
        self.files.run(gather).await.map_err(Refusal::trouble)?
    }
}
