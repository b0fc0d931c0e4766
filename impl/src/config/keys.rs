//! Every key of `distribution`'s configuration, and what becomes of it here.
//!
//! This is the one place that says so: reading goes by it, and the table in `docs/config.md` is held to it. A key is supported,
//! or is named in a warning because nothing bad comes of doing without it, or refuses the whole configuration because the
//! registry would serve, store or permit something other than was meant.

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is read, and does what it says.
    Supported,
    /// It has no effect, and a warning says so.
    Warned,
    /// With it there is no configuration.
    Refused,
}

/// What a key's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// True or false; the other words of YAML 1.1 are taken too.
    Flag,
    /// A whole number.
    Integer,
    /// As Go writes them: `1h30m`.
    Duration,
    /// A list of texts.
    Texts,
    /// A mapping of texts to lists of texts.
    Headers,
    /// A mapping of names to single values.
    Fields,
    /// A list of mappings with `architecture` and `os`.
    Platforms,
    /// It does not matter.
    Any,
}

impl Key {
    /// Whether it is every key that has no row of its own.
    pub(super) fn is_rest(&self) -> bool {
        self.path.ends_with(".*")
    }
}

impl Kind {
    /// As the documentation has it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Flag => "true or false",
            Self::Integer => "whole number",
            Self::Duration => "duration",
            Self::Texts => "list of texts",
            Self::Headers => "mapping of texts to lists of texts",
            Self::Fields => "mapping of names to single values",
            Self::Platforms => "list of mappings with architecture and os",
            Self::Any => "any",
        }
    }

    /// Whether there may be more below the key.
    const fn is_branch(self) -> bool {
        matches!(self, Self::Texts | Self::Headers | Self::Fields | Self::Platforms | Self::Any)
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The key with those above it, joined by dots. A `*` at its end is every key that has no row of its own.
    pub path: &'static str,
    /// What becomes of it.
    pub standing: Standing,
    /// What its value is.
    pub kind: Kind,
    /// What it does, or why it does not.
    pub says: &'static str,
}

const fn supported(path: &'static str, kind: Kind, says: &'static str) -> Key {
    Key { path, standing: Standing::Supported, kind, says }
}

const fn warned(path: &'static str, says: &'static str) -> Key {
    Key { path, standing: Standing::Warned, kind: Kind::Any, says }
}

const fn refused(path: &'static str, says: &'static str) -> Key {
    Key { path, standing: Standing::Refused, kind: Kind::Any, says }
}

/// The table.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    supported("version", Kind::Text, "must be 0.1"),

    supported("storage.filesystem.rootdirectory", Kind::Text, "where everything is kept; default /var/lib/registry"),
    supported("storage.filesystem.maxthreads", Kind::Integer, "how many threads work on the disk at once, at least 25; default 100"),
    supported("storage.inmemory", Kind::Any, "everything is kept in memory and is gone when the process ends"),
    refused("storage.*", "there is no such storage driver; use filesystem or inmemory"),
    supported("storage.delete.enabled", Kind::Flag, "clients may delete; default false"),
    supported("storage.redirect.disable", Kind::Flag, "blobs are never served by a redirect; default false; the drivers here have nowhere to redirect to"),
    supported("storage.tag.concurrencylimit", Kind::Integer, "how many links are read at once when a digest's tags are looked up; 0, the default: the number of cores"),
    supported("storage.cache.blobdescriptor", Kind::Text, "`inmemory` remembers descriptors; `redis` is not to be had: nothing is remembered, and a warning says so"),
    supported("storage.cache.layerinfo", Kind::Text, "the old name of blobdescriptor"),
    supported("storage.cache.blobdescriptorsize", Kind::Integer, "how many descriptors are remembered; default 10000; 0: all"),
    supported("storage.maintenance.uploadpurging.enabled", Kind::Flag, "uploads that nobody finished are removed; default true"),
    supported("storage.maintenance.uploadpurging.age", Kind::Duration, "how old such an upload is at least; default 168h"),
    supported("storage.maintenance.uploadpurging.interval", Kind::Duration, "how often they are looked for; default 24h"),
    supported("storage.maintenance.uploadpurging.dryrun", Kind::Flag, "they are logged and stay; default false"),
    supported("storage.maintenance.readonly.enabled", Kind::Flag, "nothing may be written or deleted; default false"),

    supported("auth.none", Kind::Any, "everybody may do everything, as without auth"),
    supported("auth.htpasswd.realm", Kind::Text, "what clients show to whom they ask for a password; required"),
    supported("auth.htpasswd.path", Kind::Text, "the file of users, with bcrypt's hashes; required, and must be there"),
    supported("auth.token.realm", Kind::Text, "where clients get tokens; required"),
    supported("auth.token.service", Kind::Text, "what a token's aud must be; required"),
    supported("auth.token.issuer", Kind::Text, "what a token's iss must be; required"),
    supported("auth.token.rootcertbundle", Kind::Text, "certificates that sign tokens or vouch for those that do; this or jwks is required"),
    supported("auth.token.jwks", Kind::Text, "a JSON Web Key Set that signs tokens"),
    supported("auth.token.signingalgorithms", Kind::Texts, "what tokens may be signed with; default: all there are; those with shared secrets (HS256, …) and ES512 are not taken"),
    supported("auth.token.autoredirect", Kind::Flag, "the realm is on the host that was asked; default false"),
    supported("auth.token.autoredirectpath", Kind::Text, "the realm's path then; default /auth/token"),
    refused("auth.*", "there is no such authentication; use htpasswd, token or none"),

    supported("http.addr", Kind::Text, "`HOST:PORT` to listen on; without a host, every address of the machine"),
    supported("http.net", Kind::Text, "`tcp`; a `unix` socket is refused"),
    supported("http.host", Kind::Text, "the URL under which clients reach the registry"),
    supported("http.prefix", Kind::Text, "the path above `v2`, with a slash at both ends"),
    supported("http.secret", Kind::Text, "signs what clients hold for the registry; default: one that is made for the directory and kept in its `.proofhouse/secret`; without a directory it is random, with a warning"),
    supported("http.relativeurls", Kind::Flag, "Location has no host, also with http.host; default false; without http.host it never has one"),
    supported("http.draintimeout", Kind::Duration, "how long requests may take to end when the registry stops"),
    supported("http.tls.certificate", Kind::Text, "the server's certificate and its chain, in PEM; it is used again when it changes"),
    supported("http.tls.key", Kind::Text, "its key, in PEM; required with a certificate"),
    supported("http.tls.clientcas", Kind::Texts, "files with the authorities of client certificates"),
    supported("http.tls.clientauth", Kind::Text, "`require-and-verify-client-cert` (the default, with clientcas) or `verify-client-cert-if-given`; the two that verify nothing are refused"),
    supported("http.tls.minimumtls", Kind::Text, "`tls1.2` (the default) or `tls1.3`"),
    supported("http.tls.ciphersuites", Kind::Texts, "the suites of TLS 1.2; default: all that are safe; one that is not is refused"),
    refused("http.tls.letsencrypt", "certificates are not fetched; let another program fetch them and give certificate and key"),
    supported("http.headers", Kind::Headers, "added to every answer, with each of their values; what an answer says itself stays"),
    supported("http.debug.addr", Kind::Text, "`HOST:PORT` to serve /healthz and metrics on; both are at http.addr as well"),
    supported("http.debug.prometheus.enabled", Kind::Flag, "metrics are served there; default false"),
    supported("http.debug.prometheus.path", Kind::Text, "under which path; default /metrics"),
    warned("http.http2", "only HTTP/1.1 is spoken"),
    warned("http.h2c", "only HTTP/1.1 is spoken"),

    supported("validation.enabled", Kind::Flag, "true wins over disabled"),
    supported("validation.disabled", Kind::Flag, "neither URLs nor indexes are checked; default false"),
    supported("validation.manifests.urls.allow", Kind::Texts, "a foreign layer's URL must match one of these; with neither allow nor deny, none is allowed"),
    supported("validation.manifests.urls.deny", Kind::Texts, "a foreign layer's URL must match none of these"),
    supported("validation.manifests.indexes.platforms", Kind::Text, "which entries of an index must exist: `all` (the default), `none`, or those of a `list`"),
    supported("validation.manifests.indexes.platformlist", Kind::Platforms, "the list"),

    supported("catalog.maxentries", Kind::Integer, "the largest page of the catalog; default 1000, also for 0 and less"),
    supported("tags.maxtags", Kind::Integer, "the largest page of tags; default 1000, also for 0 and less"),

    supported("log.level", Kind::Text, "`error`, `warn`, `info` (the default) or `debug`"),
    supported("log.formatter", Kind::Text, "`text` (the default) or `json`; `logstash` is json with a warning"),
    supported("log.fields", Kind::Fields, "fields that every line of the log has"),
    supported("log.accesslog.disabled", Kind::Flag, "requests are not logged; default false"),
    supported("loglevel", Kind::Text, "the old name of log.level"),
    warned("log.hooks", "no mail is sent"),
    warned("log.reportcaller", "lines do not name the code"),

    refused("middleware", "there is no middleware; what it guards or redirects would not be"),
    refused("proxy", "this is no pull-through cache"),
    refused("policy", "classes of repositories are not enforced"),
    warned("notifications", "nobody is told of events; watch the access log, which has a line for each push and pull"),
    warned("redis", "redis is not used"),
    warned("reporting", "nothing is reported"),
    warned("health", "nothing is checked in the background"),
    warned("compatibility", "schema 1 is not spoken"),
];

/// What a path is, going by the table.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// There are keys below it.
    Section,
    /// It has a row, or is below one.
    Row(&'static Key),
    /// The table does not know it.
    Unknown,
}

/// Below these, a key that is not known might have narrowed who may do what.
const GUARDED: [&str; 3] = ["auth", "http.tls", "validation"];

pub(super) fn is_guarded(path: &str) -> bool {
    GUARDED.iter().any(|guarded| path.strip_prefix(guarded).is_some_and(|rest| rest.starts_with('.')))
}

/// Looks a path up, segment by segment.
pub(super) fn place<S: AsRef<str>>(segments: &[S]) -> Place {
    let mut above = String::new();
    for (segment, depth) in segments.iter().zip(1..) {
        // A dot within a key is no way down: `auth.htpasswd` as one word is not the section.
        if segment.as_ref().contains('.') {
            return Place::Unknown;
        }
        let dot = if above.is_empty() { "" } else { "." };
        let path = format!("{above}{dot}{}", segment.as_ref());
        if let Some(row) = KEYS.iter().find(|row| row.path == path) {
            let known = depth == segments.len() || row.kind.is_branch();
            return if known { Place::Row(row) } else { Place::Unknown };
        }
        if !is_section(&path) {
            let other = format!("{above}{dot}*");
            return KEYS.iter().find(|row| row.path == other).map_or(Place::Unknown, Place::Row);
        }
        above = path;
    }
    Place::Section
}

fn is_section(path: &str) -> bool {
    KEYS.iter().any(|row| row.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str) -> Option<&'static str> {
        let segments: Vec<_> = path.split('.').collect();
        match place(&segments) {
            Place::Row(row) => Some(row.path),
            Place::Section => Some("section"),
            Place::Unknown => None,
        }
    }

    #[test]
    fn the_longest_row_decides() {
        assert_eq!(found("storage"), Some("section"));
        assert_eq!(found("storage.filesystem"), Some("section"));
        assert_eq!(found("storage.s3.bucket"), Some("storage.*"));
        assert_eq!(found("storage.inmemory"), Some("storage.inmemory"));
        assert_eq!(found("storage.filesystem.threads"), None);
        assert_eq!(found("http.headers.x"), Some("http.headers"));
        assert_eq!(found("http.addr.x"), None);
        assert_eq!(found("middleware.storage"), Some("middleware"));
        assert_eq!(found("port"), None);
    }

    #[test]
    fn no_row_stands_twice() {
        for (position, row) in KEYS.iter().enumerate() {
            assert!(!KEYS[..position].iter().any(|other| other.path == row.path), "{}", row.path);
        }
    }
}
