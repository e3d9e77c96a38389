//! The text of `repo.toml` and its drop-ins, as tables.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;

use apt_index::Encoding;
use apt_sign::Fingerprint;
use camino::Utf8PathBuf;
use deb_parse::{Architecture, Component, PackageName, SuiteName};
use jiff::SignedDuration;
use repo_store::RepositoryName;
use repo_store::model::{HolderName, HookName, ProfileName};
use repo_store::settings::profile::{PackageRange, Pin};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::description::{Description, Kind, Typed};
use crate::drop_folders::AfterTaking;
use crate::freeze::DaysOfWeek;
use crate::hook::{HookEvents, HookFormat, HookUrl, MailAddress};
use crate::log_target::LogTarget;
use crate::monitoring::{AccessLog, MetricsAddress};
use crate::network::Network;
use crate::passphrase::Credential;
use crate::schedule::{BackupTime, Recurrence};
use crate::url::Url;
use crate::value::{FromText as _, HistoryLength, Line, Listen, OrNone, Size, Text};
use crate::ways_in::{self, Condition};

/// Defines a table of the configuration: each setting with its meaning, its type, its default and an example, which are TOML. A default that
/// begins with `^` names the setting that counts instead, one that begins with `(` is explained in words, and an empty one sets nothing.
macro_rules! table {
    (
        #[doc = $about:literal]
        $(#[derive($trait:ident)])?
        #[serde($($table:tt)*)]
        $name:ident {
            $(
                #[doc = $meaning:literal]
                $(#[serde($($serde:tt)*)])?
                $field:ident: $type:ty [$default:literal] $example:literal;
            )*
        }
    ) => {
        #[doc = $about]
        #[derive(Debug, $($trait,)? serde::Deserialize)]
        #[serde($($table)*)]
        pub(crate) struct $name {
            $(
                #[doc = $meaning]
                $(#[serde($($serde)*)])?
                pub(crate) $field: $type,
            )*
        }

        impl Typed for $name {
            fn kind() -> Kind {
                Kind::Table(vec![
                    $(Description::new(
                        stringify!($field),
                        <$type as Typed>::kind(),
                        $meaning,
                        $default,
                        $example,
                    ),)*
                ])
            }
        }
    };
}

table! {
    /// Settings of the whole store.
    #[derive(Default)]
    #[serde(deny_unknown_fields, default, remote = "Self")]
    File {
        /// Who publishes, as clients see it. Clients refuse a later change, so choose it once.
        origin: Option<Text<Line>> [""] "\"Example Ltd\"";
        /// Address under which clients reach `public/`. It is used in what is handed out to them.
        url: Option<Text<Url>> [""] "\"https://packages.example.org\"";
        /// A suite for each release that packages are for. A package whose version names a release (`1.2-1+deb12u1`, `1.2-1~jammy1`) goes to the suites of that release, any other to all.
        #[serde(deserialize_with = "suites")]
        suites: Vec<Text<SuiteName>> ["[]"] "[\"bookworm\", \"trixie\"]";
        /// File with the name of a suite on each line, instead of `suites`.
        suites_file: Option<Utf8PathBuf> [""] "\"suites.list\"";
        /// Architectures that are published, besides `all`.
        architectures: Vec<Text<Architecture>> ["[]"] "[\"amd64\", \"arm64\"]";
        /// File with the name of an architecture on each line, instead of `architectures`.
        architectures_file: Option<Utf8PathBuf> [""] "\"architectures.list\"";
        /// Components. The first takes packages that name none in their section.
        components: Option<Vec<Text<Component>>> ["[\"main\"]"] "[\"main\", \"contrib\"]";
        /// Compressed forms of each index; `none` is the plain file. With `bz2` the whole index is compressed at every change, otherwise only parts.
        compress: Option<Vec<Text<Encoding>>> ["[\"xz\", \"gz\"]"] "[\"xz\", \"gz\", \"zst\"]";
        /// Per-index override of `compress`.
        compress_index: CompressTable [""] "";
        /// Publish descriptions in `Translation-en`, apart from `Packages`. A client that sets `Acquire::Languages` to none loads less.
        translations: bool ["false"] "true";
        /// Publish which files each package has, for `apt-file`. Every package that is added is unpacked for it.
        contents: bool ["false"] "true";
        /// What becomes of a package for a release that has no suite here: it is refused, or goes to every suite.
        unknown_release: Option<OnUnknownRelease> ["\"everywhere\""] "\"refuse\"";
        /// How long clients accept what was published last, against replayed old states. `publish` signs again in time: run it daily.
        valid_for: Option<Text<SignedDuration>> [""] "\"14d\"";
        /// How many earlier states a client can update from with a patch; 0 disables patches.
        pdiffs: Option<usize> ["14"] "0";
        /// Size from which on an index has patches: that of the smallest of its files.
        pdiffs_from: Option<Text<Size>> ["\"1 MiB\""] "\"4 MiB\"";
        /// Keyring of those who may upload `.changes` files, as `gpg --export` writes it. Without it anybody may.
        uploaders: Option<Utf8PathBuf> [""] "\"uploaders.gpg\"";
        /// When clients see a change: at once, or after `repo-cli publish`.
        publish: Publish ["\"auto\""] "\"manual\"";
        /// Where a line for each operation goes: `journald`, `syslog:FACILITY`, or standard error as text (`stderr`) or as JSON (`json`).
        log: Option<Text<LogTarget>> [""] "\"journald\"";
        /// Passphrase of the signing keys, and keys that are kept elsewhere.
        signing: SigningTable [""] "";
        /// The server.
        serve: ServeTable [""] "";
        /// Repositories through which packages are promoted, in that order. `status` shows what waits in one for the next, and `pipeline` where each version stands.
        channels: Vec<Text<RepositoryName>> ["[]"] "[\"preprod\", \"prod\"]";
        /// The repositories, by name. One that is taken out keeps all it has.
        repositories: BTreeMap<Text<RepositoryName>, RepositoryTable> [""] "";
        /// What one suite has of its own, by its name.
        suite: BTreeMap<Text<SuiteName>, SuiteTable> [""] "";
        /// Packages that go elsewhere than their section and version say. The first rule for a package decides; `add --component` and `add --suite` come before any rule.
        route: Vec<RouteTable> [""] "";
        /// Folders from which `repo-cli incoming` takes packages.
        incoming: Vec<IncomingTable> [""] "";
        /// Which versions stay when `repo-cli retention` runs. Of the rules for a package the first decides; what none matches stays. A version stays when any limit says so, when it is tagged, and when it is the newest.
        retention: Vec<RetentionTable> [""] "";
        /// What `repo-cli gc` leaves.
        gc: GcTable [""] "";
        /// What must be so before a version comes into a repository by `add`, `incoming` or `promote`. All gates for it must be met; `--override` with the name of a rule lifts it, and the history keeps that.
        gate: Vec<GateTable> [""] "";
        /// What clients have besides these repositories, for `check` and for gates with `installable`: `base update` reads it, and the store keeps it.
        base: Vec<BaseTable> [""] "";
        /// What machines of a role run, by the name of the role: `profile build` makes a metapackage of it (docs/profiles.md).
        profile: BTreeMap<Text<ProfileName>, ProfileTable> [""] "";
        /// Machines, by the names that they have in `access` and `machines`.
        machine: BTreeMap<Text<HolderName>, MachineTable> [""] "";
        /// When nothing comes into a repository and nothing is removed, every week; `freeze` does it once. `rollback` and `undo` are never stopped, and `--override freeze` passes it.
        freeze: Vec<FreezeTable> [""] "";
        /// Who is told what happens: a web server, a command, or an address that is sent mail (docs/hooks.md).
        hook: Vec<HookTable> [""] "";
        /// What `bundle apply` goes by at a site without network.
        bundle: BundleTable [""] "";
        /// What a running `serve` does by itself, and when; without `serve` the timers of the package do it.
        schedule: ScheduleTable [""] "";
        /// How much of a package file is read before it is refused.
        limits: LimitsTable [""] "";
    }
}

table! {
    /// Per-index override of `compress`.
    #[derive(Default)]
    #[serde(deny_unknown_fields, default, remote = "Self")]
    CompressTable {
        /// Forms of `Packages`. Without `xz` or `gz` debootstrap finds no package.
        packages: Option<Vec<Text<Encoding>>> ["^compress"] "[\"xz\", \"gz\"]";
        /// Forms of `Sources`.
        sources: Option<Vec<Text<Encoding>>> ["^compress"] "[\"xz\"]";
        /// Forms of `Contents`.
        contents: Option<Vec<Text<Encoding>>> ["^compress"] "[\"gz\"]";
        /// Forms of `Translation`.
        translation: Option<Vec<Text<Encoding>>> ["^compress"] "[\"xz\", \"bz2\"]";
    }
}

/// Where packages for all architectures are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum All {
    #[default]
    Folded,
    Apart,
}

/// What becomes of a package for a release that has no suite, by its version or its upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknownRelease {
    /// It is refused.
    Refuse,
    /// It goes to every suite.
    Everywhere,
}

/// When changes are published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Publish {
    #[default]
    Auto,
    Manual,
}

table! {
    /// Passphrase of the signing keys, and keys that are kept elsewhere.
    #[derive(Default)]
    #[serde(deny_unknown_fields, default, remote = "Self")]
    SigningTable {
        /// Credential of the service manager that holds the passphrase of the keys in `keys/`. New keys are protected by it too.
        passphrase: Option<Text<Credential>> [""] "\"credential:passphrase\"";
        /// File whose first line is the passphrase, instead of `passphrase`: mode 0600 or less, outside of what `backup` copies.
        passphrase_file: Option<Utf8PathBuf> [""] "\"/etc/repo/passphrase\"";
        /// Keys that sign as well and are kept elsewhere: by GnuPG (agent, smart card, PKCS#11), behind a command, or on another machine.
        signer: Vec<SignerTable> [""] "";
    }
}

table! {
    /// What signs with a key that is kept elsewhere.
    #[derive(Default)]
    #[serde(deny_unknown_fields, default, remote = "Self")]
    SignerTable {
        /// Fingerprint of a key that GnuPG has.
        gpg: Option<Text<Fingerprint>> [""] "\"0123456789ABCDEF0123456789ABCDEF01234567\"";
        /// Command that signs, with its arguments.
        command: Option<Vec<String>> [""] "[\"/usr/local/bin/kms-sign\", \"--key\", \"repo\"]";
        /// Whether a person signs on another machine, with `repo-cli sign export` and `sign attach`.
        offline: bool ["false"] "true";
        /// File of the public key, for `command` and `offline`.
        public_key: Option<Utf8PathBuf> [""] "\"kms.asc\"";
    }
}

table! {
    /// The server.
    #[derive(Default)]
    #[serde(deny_unknown_fields, default, remote = "Self")]
    ServeTable {
        /// Addresses that `serve` listens on, one or a list, with `https://` over TLS; changing them needs a restart.
        #[serde(deserialize_with = "one_or_several")]
        listen: Vec<Text<Listen>> ["\"127.0.0.1:8080\""] "[\"http://0.0.0.0:80\", \"https://[::]:443\"]";
        /// Certificate for addresses with `https://`. It is read again when it changes.
        tls: TlsTable [""] "";
        /// Whether requests without TLS are led to the first address with it, but those for the scripts that set machines up; changing it needs a restart.
        redirect_to_https: bool ["false"] "true";
        /// Proxies whose `X-Forwarded-For` tells where a request comes from, for `allow`, limits and the log.
        trusted_proxies: Vec<Text<Network>> ["[]"] "[\"127.0.0.1\"]";
        /// Addresses at which `serve` offers the interface for programs, one or a list; some may be those of `listen`. Without it there is none. Changing them needs a restart.
        #[serde(deserialize_with = "one_or_several")]
        api: Vec<Text<Listen>> [""] "\"http://127.0.0.1:8081\"";
        /// Size of the largest file that may be uploaded there; changing it needs a restart.
        max_upload: Option<Text<Size>> ["\"4 GiB\""] "\"16 GiB\"";
        /// Whether `serve` shows pages for people at `/` and below `/-/`: repositories, suites, packages, changes with who made them and why, to those who may read the repository.
        pages: bool ["false"] "true";
        /// Address at which `/metrics` is answered for Prometheus, and `/healthz`; without a login, so let it be one that only monitoring reaches. Changing it needs a restart.
        metrics: Option<Text<MetricsAddress>> [""] "\"127.0.0.1:9100\"";
        /// Where a line for each request goes: `journald`, standard error as text (`stderr`) or as JSON (`json`), or a file, as `combined:FILE` or `json:FILE`, which is opened again on SIGHUP. Changing it needs a restart.
        access_log: Option<Text<AccessLog>> [""] "\"combined:/var/log/repo-cli/access.log\"";
    }
}

table! {
    /// Certificate of the server.
    #[derive(Default)]
    #[serde(deny_unknown_fields, default, remote = "Self")]
    TlsTable {
        /// File of the certificate in PEM, and of those that lead from it to one that clients know.
        certificate: Option<Utf8PathBuf> [""] "\"/etc/repo/tls.crt\"";
        /// File of its key in PEM. It is in no backup.
        key: Option<Utf8PathBuf> [""] "\"/etc/repo/tls.key\"";
        /// File of the certificate of the authority that signed it, in PEM, where clients do not know it: the scripts that set them up bring it. It counts for a server in front as well.
        authority: Option<Utf8PathBuf> [""] "\"/etc/repo/ca.crt\"";
    }
}

/// A value alone, or a list of such.
fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Text<Listen>>, D::Error> {
    struct OneOrSeveral;
    impl<'de> serde::de::Visitor<'de> for OneOrSeveral {
        type Value = Vec<Text<Listen>>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a text or a list of texts")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
            Listen::from_text(text).map(|one| vec![Text(one)]).map_err(E::custom)
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut several = Vec::new();
            while let Some(one) = list.next_element()? {
                several.push(one);
            }
            if several.is_empty() {
                let rule = "an empty list listens nowhere; leave the setting out for its default";
                return Err(serde::de::Error::custom(rule));
            }
            Ok(several)
        }
    }
    deserializer.deserialize_any(OneOrSeveral)
}

table! {
    /// What one repository has of its own.
    #[derive(Default)]
    #[serde(deny_unknown_fields, default, remote = "Self")]
    RepositoryTable {
        /// Address of its own.
        url: Option<Text<Url>> ["(its name below the `url` of the store)"] "\"https://prod.example.org\"";
        /// Its name for clients, who refuse a later change.
        label: Option<Text<Line>> ["(its name)"] "\"prod\"";
        /// Suites that it has, of those in the store.
        suites: Option<Vec<Text<SuiteName>>> ["^suites"] "[\"bookworm\"]";
        /// Suite that is published at the root as well, for clients with a line `deb http://... ./`.
        flat: Option<Text<SuiteName>> [""] "\"bookworm\"";
        /// As `translations` of the store.
        translations: Option<bool> ["^translations"] "false";
        /// As `contents` of the store.
        contents: Option<bool> ["^contents"] "true";
        /// As `unknown_release` of the store.
        unknown_release: Option<OnUnknownRelease> ["^unknown_release"] "\"everywhere\"";
        /// As `valid_for` of the store.
        valid_for: Option<Text<SignedDuration>> ["^valid_for"] "\"2d\"";
        /// As `pdiffs` of the store.
        pdiffs: Option<usize> ["^pdiffs"] "0";
        /// As `uploaders` of the store.
        uploaders: Option<Utf8PathBuf> ["^uploaders"] "\"prod-uploaders.gpg\"";
        /// Networks whose addresses may read it. Without it every address may.
        #[serde(deserialize_with = "networks_that_may_read")]
        allow: Vec<Text<Network>> [""] "[\"10.0.0.0/8\", \"2001:db8::/32\"]";
        /// File of those who may read it with a password, as `htpasswd -B` writes it. Without it nobody is asked.
        users: Option<Utf8PathBuf> [""] "\"prod.htpasswd\"";
        /// List of alternatives, instead of `allow` and `users`. A client must meet all conditions of one of them: a network that it connects from, `users:FILE` for its password, `tokens` for its token, or `public`.
        #[serde(deserialize_with = "ways_in::ways")]
        access: Vec<Vec<Text<Condition>>> [""] "[[\"10.0.0.0/8\"], [\"tokens\"]]";
        /// How much of its history is kept: a number of states or a time.
        keep_history: Option<HistoryLength> ["^gc.keep_history"] "100";
        /// Fingerprints of the keys that sign it, and of those that replace them after `key rotate`. Without it all keys sign.
        #[serde(deserialize_with = "signing_keys")]
        keys: Option<Vec<Text<Fingerprint>>> [""] "[\"0123456789ABCDEF0123456789ABCDEF01234567\"]";
    }
}

/// The keys of a repository. Without any, nothing could be published.
fn signing_keys<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<Text<Fingerprint>>>, D::Error> {
    let keys = Vec::deserialize(deserializer)?;
    if keys.is_empty() {
        return Err(serde::de::Error::custom("an empty list lets no key sign; leave it out to let all sign"));
    }
    Ok(Some(keys))
}

/// Without the list everyone may read, so an empty one cannot mean its letter.
fn networks_that_may_read<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Text<Network>>, D::Error> {
    let networks = Vec::deserialize(deserializer)?;
    if networks.is_empty() {
        let rule =
            "an empty list allows nobody; leave it out to allow all, or name a network such as 10.0.0.0/8";
        return Err(serde::de::Error::custom(rule));
    }
    Ok(networks)
}

/// Names or users that are allowed. Without the list all are, so an empty one cannot mean its letter.
fn allowed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let allowed = Vec::<String>::deserialize(deserializer)?;
    if allowed.is_empty() || allowed.iter().any(|one| one.trim().is_empty()) {
        let rule = "an empty list or an empty entry allows nobody; leave it out to allow all";
        return Err(serde::de::Error::custom(rule));
    }
    Ok(allowed)
}

/// Words that mark a version; an empty one would mark none.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let words = Vec::<String>::deserialize(deserializer)?;
    if words.iter().any(|word| word.trim().is_empty()) {
        return Err(serde::de::Error::custom("an empty marker marks nothing; leave it out"));
    }
    Ok(Some(words))
}

/// The suites of a file, each once. Only another file may list one again.
fn suites<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Text<SuiteName>>, D::Error> {
    let suites = Vec::<Text<SuiteName>>::deserialize(deserializer)?;
    let is_repeated =
        |(place, suite): (usize, &Text<SuiteName>)| suites.iter().take(place).any(|other| other == suite);
    if let Some(Text(suite)) = suites.iter().enumerate().find(|one| is_repeated(*one)).map(|(_, suite)| suite)
    {
        return Err(serde::de::Error::custom(format!("`{suite}` is listed twice")));
    }
    Ok(suites)
}

table! {
    /// What one suite has of its own.
    #[derive(Default)]
    #[serde(deny_unknown_fields, default, remote = "Self")]
    SuiteTable {
        /// As `architectures` of the store.
        architectures: Option<Vec<Text<Architecture>>> ["^architectures"] "[\"amd64\"]";
        /// Where packages for `all` are listed: in the index of every architecture, or in one of their own, which debootstrap does not read.
        architecture_all: All ["\"folded\""] "\"apart\"";
        /// As `components` of the store.
        components: Option<Vec<Text<Component>>> ["^components"] "[\"main\", \"contrib\"]";
        /// What in a version names this suite, instead of its name and its numbers: list these too.
        #[serde(deserialize_with = "words")]
        markers: Option<Vec<String>> ["(its name, and the numbers of its release)"] "[\"bookworm\", \"deb12\", \"bpo12\"]";
        /// Take nothing but what `[[route]]` or `--suite` sends here.
        only_routed: bool ["false"] "true";
        /// Second name, which may lead to another suite later.
        alias: Option<Text<SuiteName>> [""] "\"stable\"";
        /// `Suite` in Release, if it is neither the alias nor the name of the suite; an empty text leaves it out.
        suite: Option<Text<OrNone<SuiteName>>> ["(its alias, or its name)"] "\"stable\"";
        /// `Codename` in Release, which clients do not let change; an empty text leaves it out.
        codename: Option<Text<OrNone<SuiteName>>> ["(its name)"] "\"bookworm\"";
        /// Who publishes this suite, if not `origin` of the store. Clients refuse a later change; an empty text leaves it out.
        origin: Option<Text<OrNone<Line>>> ["^origin"] "\"Example Ltd\"";
        /// Its name for clients, if not `label` of the repository. They refuse a later change; an empty text leaves it out.
        label: Option<Text<OrNone<Line>>> ["(`label` of the repository)"] "\"Example stable\"";
        /// Version of the release, for clients.
        version: Option<Text<Line>> [""] "\"12\"";
        /// Address of changelogs, for `apt changelog`.
        changelogs: Option<Text<Line>> [""] "\"https://changelogs.example.org/@CHANGEPATH@_changelog\"";
        /// Description, for clients.
        description: Option<Text<Line>> [""] "\"Packages for our bookworm machines\"";
        /// Clients install from it only when they are told to.
        not_automatic: bool ["false"] "true";
        /// Clients upgrade what they once installed from it, even with `not_automatic`.
        but_automatic_upgrades: bool ["false"] "true";
    }
}

table! {
    /// A rule about where packages go.
    #[derive(Default)]
    #[serde(deny_unknown_fields, default, remote = "Self")]
    RouteTable {
        /// Repositories that the rule is for; all when not set.
        repositories: Vec<Text<RepositoryName>> ["[]"] "[\"preprod\"]";
        /// Names of packages; `*` and `?` stand for any characters.
        packages: Vec<String> ["[]"] "[\"*-dbgsym\"]";
        /// Sections of packages.
        sections: Vec<String> ["[]"] "[\"debug\"]";
        /// Fields of the control file and their values.
        fields: BTreeMap<String, String> ["{}"] "{ Auto-Built-Package = \"debug-symbols\" }";
        /// Component that the packages go to.
        component: Option<Text<Component>> [""] "\"debug\"";
        /// Suites to choose from: a version that names a release goes to those for it.
        suites: Vec<Text<SuiteName>> ["[]"] "[\"bookworm-debug\", \"trixie-debug\"]";
    }
}

table! {
    /// A drop folder.
    #[serde(deny_unknown_fields, remote = "Self")]
    IncomingTable {
        /// The folder; a relative path begins at the store.
        folder: Utf8PathBuf ["(required)"] "\"/srv/incoming\"";
        /// Repository that the packages go to.
        repository: Text<RepositoryName> ["(required)"] "\"preprod\"";
        /// Suites that the packages go to, whatever their versions say.
        #[serde(default)]
        suites: Vec<Text<SuiteName>> ["[]"] "[\"bookworm\"]";
        /// Component that the packages go to, whatever their sections say.
        #[serde(default)]
        component: Option<Text<Component>> [""] "\"main\"";
        /// Names of packages that are taken; `*` and `?` stand for any characters. Others are rejected. Any when not set.
        #[serde(default, deserialize_with = "allowed")]
        names: Vec<String> [""] "[\"shop-*\"]";
        /// Users whose files are taken. Those of others are left. Anybody's when not set.
        #[serde(default, deserialize_with = "allowed")]
        owners: Vec<String> [""] "[\"ci\"]";
        /// Keyring of those who may upload here, instead of that of the repository.
        #[serde(default)]
        uploaders: Option<Utf8PathBuf> ["(that of the repository)"] "\"ci-uploaders.gpg\"";
        /// What becomes of files that were taken: they are deleted, or moved to a directory.
        #[serde(default)]
        after: Option<Text<AfterTaking>> ["\"delete\""] "\"archive:/srv/archive\"";
    }
}

table! {
    /// A rule of retention. Everything but the limits may be left out.
    #[derive(Default)]
    #[serde(deny_unknown_fields, default, remote = "Self")]
    RetentionTable {
        /// Repositories that the rule is for; all when not set.
        repositories: Vec<Text<RepositoryName>> ["[]"] "[\"preprod\"]";
        /// Suites that the rule is for; all when not set.
        suites: Vec<Text<SuiteName>> ["[]"] "[\"bookworm\"]";
        /// Names of packages; `*` and `?` stand for any characters.
        packages: Vec<String> ["[]"] "[\"*-dbgsym\"]";
        /// Sections of packages.
        sections: Vec<String> ["[]"] "[\"debug\"]";
        /// Fields of the control file and their values.
        fields: BTreeMap<String, String> ["{}"] "{ Origin = \"Nightly*\" }";
        /// How many versions of each package and architecture stay.
        keep_versions: Option<NonZeroUsize> [""] "3";
        /// How long a version stays after it came to the suite.
        keep_for: Option<Text<SignedDuration>> [""] "\"30d\"";
        /// Repositories whose versions stay here too.
        kept_by: Vec<Text<RepositoryName>> ["[]"] "[\"prod\"]";
    }
}

table! {
    /// What `bundle apply` goes by at a site without network.
    #[derive(Default)]
    #[serde(deny_unknown_fields, default, remote = "Self")]
    BundleTable {
        /// Name of this site: a bundle for another one is refused. `--site` comes before it.
        site: Option<Text<RepositoryName>> [""] "\"plant-7\"";
        /// Keyring of those whose bundles are taken, armored or binary. `--keyring` comes before it; without both no bundle is taken.
        keyring: Option<Utf8PathBuf> [""] "\"bundle-senders.gpg\"";
    }
}

table! {
    /// What `repo-cli gc` leaves.
    #[derive(Default)]
    #[serde(deny_unknown_fields, default, remote = "Self")]
    GcTable {
        /// How long what nothing refers to stays, and one past publication of each day.
        grace: Option<Text<SignedDuration>> ["\"7d\""] "\"14d\"";
        /// How far back `rollback` reaches: a number of states or a time; forever when not set. Tagged states stay, and what clients see.
        keep_history: Option<HistoryLength> [""] "\"365d\"";
    }
}

table! {
    /// What clients of a suite have besides it.
    #[serde(deny_unknown_fields, remote = "Self")]
    BaseTable {
        /// The suite whose clients have it.
        suite: Text<SuiteName> ["(required)"] "\"bookworm\"";
        /// Where its packages are listed: a file of sources with `Signed-By`, as apt reads it (`.sources` or `.list`), a `Packages` file or a directory of such, or `REPOSITORY/SUITE` of this store.
        source: String ["(required)"] "\"/etc/repo/bookworm.sources\"";
        /// How long after it was last seen to be up to date it counts; a gate with `installable` then refuses until the next `base update`. Forever when not set.
        #[serde(default)]
        max_age: Option<Text<SignedDuration>> [""] "\"7d\"";
    }
}

table! {
    /// What machines of a role run.
    #[derive(Default)]
    #[serde(deny_unknown_fields, default, remote = "Self")]
    ProfileTable {
        /// Packages, each perhaps with a range of versions; a package may stand several times with different ranges.
        packages: Vec<Text<PackageRange>> ["[]"] "[\"nginx\", \"shop (>= 4.1)\"]";
        /// Profiles whose packages it has too.
        includes: Vec<Text<ProfileName>> ["[]"] "[\"base\"]";
        /// Packages of included profiles that it does not have.
        exclude: Vec<Text<PackageName>> ["[]"] "[\"telnet\"]";
        /// Suites whose machines get these packages, also where another profile includes it. All when not set.
        suites: Vec<Text<SuiteName>> [""] "[\"bookworm\"]";
        /// Architectures of the machines that get these packages, also where another profile includes it. All when not set.
        architectures: Vec<Text<Architecture>> [""] "[\"amd64\"]";
        /// Which versions machines may have: those that the repository had when the profile was built, or those and later ones.
        pin: Pin ["\"exact\""] "\"at-least\"";
    }
}

table! {
    /// One machine.
    #[serde(deny_unknown_fields, remote = "Self")]
    MachineTable {
        /// What it runs: the script that sets it up installs the metapackage.
        profile: Text<ProfileName> ["(required)"] "\"web\"";
    }
}

table! {
    /// When nothing changes in repositories, every week.
    #[serde(deny_unknown_fields, remote = "Self")]
    FreezeTable {
        /// The repositories; all when not set.
        #[serde(default)]
        repositories: Vec<Text<RepositoryName>> ["[]"] "[\"prod\"]";
        /// From when to when, in UTC.
        days: Text<DaysOfWeek> ["(required)"] "\"Fri 16:00 .. Mon 08:00\"";
        /// Why, for those who are stopped.
        #[serde(default)]
        reason: Option<Text<Line>> [""] "\"nobody is there on weekends\"";
    }
}

table! {
    /// What must be so before a version comes into a repository.
    #[derive(Default)]
    #[serde(deny_unknown_fields, default, remote = "Self")]
    GateTable {
        /// Repositories that versions come into; all when not set.
        to: Vec<Text<RepositoryName>> ["[]"] "[\"prod\"]";
        /// Repositories that versions are promoted from; then the gate is not asked of what is added. Any way in when not set.
        from: Vec<Text<RepositoryName>> ["[]"] "[\"preprod\"]";
        /// How long a version must have been in the repository that it is promoted from.
        minimum_age: Option<Text<SignedDuration>> [""] "\"24h\"";
        /// Take no version that is older than the newest of its package in the suite.
        never_backwards: bool ["false"] "true";
        /// Versions that are not taken; `*` and `?` stand for any characters.
        #[serde(deserialize_with = "patterns")]
        forbid_versions: Vec<String> ["[]"] "[\"*~dev*\", \"*+dirty*\"]";
        /// Maintainers whose packages are not taken, by name and address or by the address alone, in any case; `*` and `?` stand for any characters.
        #[serde(deserialize_with = "patterns")]
        forbid_maintainers: Vec<String> ["[]"] "[\"*@gmail.example\"]";
        /// Fields that the control file must have.
        require_fields: Vec<String> ["[]"] "[\"Vcs-Git\"]";
        /// The most that the files of a package may have.
        max_size: Option<Text<Size>> [""] "\"500 MiB\"";
        /// How many people must have approved a version in the repository that it is promoted from (`approve`). What is added nobody can have approved, so it is refused.
        approvals: Option<NonZeroUsize> [""] "2";
        /// Tags of the repository that a version is promoted from, such as `"tested-*"`: one must name a state that has it (`tag`). What is added is refused.
        #[serde(deserialize_with = "patterns")]
        tagged: Vec<String> ["[]"] "[\"tested-*\"]";
        /// Take and remove nothing that leaves a package of the suite, or of what its clients have besides (`[[base]]`), which cannot be installed any more. `remove`, `retention`, `rollback`, `undo` and `reissue` meet this rule too.
        installable: bool ["false"] "true";
        /// With `"source"`, all packages that were built from a version of a source come together, or none, as far as the repository that they are promoted from has them.
        together: Option<Together> [""] "\"source\"";
        /// What must be known of a version. `"build"`: how it was built, by the `.buildinfo` of its upload or by a file given with `add --attest`.
        attested: Vec<Attested> ["[]"] "[\"build\"]";
    }
}

/// What must be known of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Attested {
    /// How it was built.
    Build,
}

/// What comes together or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Together {
    /// All that was built from one version of a source.
    Source,
}

/// Patterns; an empty one would fit nothing.
fn patterns<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let patterns = Vec::<String>::deserialize(deserializer)?;
    if patterns.iter().any(|pattern| pattern.trim().is_empty()) {
        return Err(serde::de::Error::custom("an empty pattern fits nothing; leave it out"));
    }
    Ok(patterns)
}

table! {
    /// Who is told what happens.
    #[serde(deny_unknown_fields, remote = "Self")]
    HookTable {
        /// Name for `hooks test` and `hooks retry`.
        #[serde(default)]
        name: Option<Text<HookName>> ["(the host of `url`, the program of `command`, or the address of `mail`)"] "\"chat\"";
        /// Events: an operation (`add`, `promote`, `remove`, `rollback`, `undo`, `publish`, `retention`, `gc`, `fsck`, `backup`) when it has succeeded or failed; one of `.start`, `.success` and `.failure` of it; or `key.expires`.
        on: Vec<Text<HookEvents>> ["(required)"] "[\"promote\", \"publish.failure\", \"key.expires\"]";
        /// Address of a web server. What follows the host may be a secret and is shown nowhere.
        #[serde(default)]
        url: Option<Text<HookUrl>> [""] "\"https://chat.example.org/hooks/abc\"";
        /// Command with its arguments, instead of `url`. It reads the event as JSON from standard input.
        #[serde(default)]
        command: Option<Vec<String>> [""] "[\"/usr/local/bin/purge-cdn\"]";
        /// Address that `sendmail` sends mail to, instead of `url`.
        #[serde(default)]
        mail: Option<Text<MailAddress>> [""] "\"ops@example.org\"";
        /// What the web server understands.
        #[serde(default)]
        format: Option<HookFormat> ["\"json\""] "\"slack\"";
        /// File whose first line is the secret that signs what is sent (HMAC-SHA256, `X-Signature`), or with `matrix` the access token: mode 0600 or less. It is in no backup.
        #[serde(default)]
        secret_file: Option<Utf8PathBuf> [""] "\"/etc/repo/hook.secret\"";
        /// Whether the address of the web server may be a private one.
        #[serde(default)]
        allow_private: bool ["false"] "true";
        /// Time for each event, at most 10m.
        #[serde(default)]
        timeout: Option<Text<SignedDuration>> ["\"10s\""] "\"30s\"";
        /// Repositories that the hook is for; all when not set. What is about the whole store is told all the same.
        #[serde(default)]
        repositories: Vec<Text<RepositoryName>> ["[]"] "[\"prod\"]";
    }
}

table! {
    /// How much of a package file is read before it is refused.
    #[derive(Default)]
    #[serde(deny_unknown_fields, default, remote = "Self")]
    LimitsTable {
        /// Size of the unpacked control archive.
        control_unpacked: Option<Text<Size>> ["\"64 MiB\""] "\"128 MiB\"";
        /// Size of the unpacked data archive. One that is at most 20 times as large as packed is always read.
        data_unpacked: Option<Text<Size>> ["\"2 GiB\""] "\"8 GiB\"";
        /// Files and directories in the data archive.
        data_entries: Option<NonZeroUsize> ["2000000"] "5000000";
        /// Memory for unpacking xz.
        xz_memory: Option<Text<Size>> ["\"256 MiB\""] "\"512 MiB\"";
    }
}

table! {
    /// What a running `serve` does by itself, and when. Times are in UTC.
    #[derive(Default)]
    #[serde(deny_unknown_fields, default, remote = "Self")]
    ScheduleTable {
        /// Whether packages are taken out of the folders of `[[incoming]]`.
        incoming: bool ["false"] "true";
        /// When signatures are renewed that have used half of `valid_for`.
        refresh: Option<Text<Recurrence>> [""] "\"hourly\"";
        /// When `retention` runs.
        retention: Option<Text<Recurrence>> [""] "\"daily 03:00\"";
        /// When `gc` runs.
        gc: Option<Text<Recurrence>> [""] "\"daily 04:00\"";
        /// When `base update` runs.
        base: Option<Text<Recurrence>> [""] "\"daily 02:00\"";
        /// When `fsck` runs.
        fsck: Option<Text<Recurrence>> [""] "\"weekly Sun 05:00\"";
        /// Backups.
        backup: Option<ScheduledBackupTable> [""] "";
    }
}

table! {
    /// Backups that are made by themselves.
    #[serde(deny_unknown_fields, remote = "Self")]
    ScheduledBackupTable {
        /// Directory of the backup; a relative path begins at the store.
        to: Utf8PathBuf ["(required)"] "\"/mnt/backup\"";
        /// When it is made: soon after each change, or at set times.
        when: Text<BackupTime> ["(required)"] "\"after-change\"";
    }
}

/// What derives `Deserialize` takes a list as well, with the fields in their order: one in a drop-in would replace the whole table.
macro_rules! from_tables_only {
    ($($table:ty),* $(,)?) => {$(
        impl<'de> Deserialize<'de> for $table {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields;
                impl<'de> Visitor<'de> for Fields {
                    type Value = $table;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a table")
                    }

                    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<$table, A::Error> {
                        // The derived one, which is no method of the trait.
                        <$table>::deserialize(MapAccessDeserializer::new(fields))
                    }
                }
                deserializer.deserialize_map(Fields)
            }
        }
    )*};
}

from_tables_only!(
    File,
    CompressTable,
    SigningTable,
    SignerTable,
    ServeTable,
    TlsTable,
    RepositoryTable,
    SuiteTable,
    RouteTable,
    IncomingTable,
    RetentionTable,
    BaseTable,
    ProfileTable,
    MachineTable,
    FreezeTable,
    GateTable,
    GcTable,
    BundleTable,
    HookTable,
    ScheduleTable,
    ScheduledBackupTable,
    LimitsTable
);

#[cfg(test)]
mod tests;
