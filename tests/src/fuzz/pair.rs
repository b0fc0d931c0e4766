//! A model and a registry that are given the same pushes.

use std::fmt::Debug;
use std::sync::Arc;

use proofhouse_model::{Branch, Code, Dialect, ErrorItem, Op, Options, Outcome, Referrer, Specification, State, step};
use proofhouse_registry::api::{Api, ApiConfig, ApiError, StoredManifest};
use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::driver::Memory;

/// The two, with nothing stored yet.
pub(crate) struct Pair {
    specification: Specification,
    state: State,
    api: Api,
}

impl Pair {
    /// Only what a push depends on is taken from the options: index validation, its platforms, layer verification.
    pub(crate) fn new(options: Options) -> Self {
        let mut builder = RegistryBuilder::new(Arc::new(Memory::default()));
        if options.validate_index {
            builder = builder.enable_validate_image_index_images_exist();
        }
        for platform in &options.platforms {
            builder = builder
                .add_validate_image_index_images_exist_platform(platform.architecture.clone(), platform.os.clone());
        }
        let config = ApiConfig { skip_layer_verification: options.skip_layer_verification, ..ApiConfig::default() };
        Pair {
            specification: Specification::new(Dialect::Proofhouse, options).expect("there is no pattern"),
            state: State::default(),
            api: Api::new(builder.build().expect("no option fails"), config),
        }
    }

    /// Pushes to both, and compares. Whether it was taken.
    pub(crate) fn put(&mut self, repo: &str, reference: &str, content_type: &str, bytes: &[u8]) -> bool {
        let op = Op::PutManifest {
            repo: repo.into(),
            reference: reference.into(),
            content_type: Some(content_type.into()),
            tags: Vec::new(),
            bytes: bytes.into(),
        };
        let body = bytes::Bytes::copy_from_slice(bytes);
        let answer = run(self.api.put_manifest(repo, reference, Some(content_type), &[], body));
        let seen = match answer {
            Ok(StoredManifest { digest, subject, tags }) => Outcome::ManifestStored {
                digest: Some(digest.to_string()),
                subject: subject.map(|subject| subject.to_string()),
                tags: tags.iter().map(ToString::to_string).collect(),
            },
            Err(error) => refused(&error),
        };
        self.compare(&op, &seen, bytes);
        matches!(seen, Outcome::ManifestStored { .. })
    }

    /// Reads from both, and compares: bytes and derived type.
    pub(crate) fn get(&mut self, repo: &str, reference: &str, shown: &[u8]) {
        let op = Op::GetManifest { repo: repo.into(), reference: reference.into() };
        let seen = match run(self.api.get_manifest(repo, reference)) {
            Ok(manifest) => Outcome::Manifest {
                digest: Some(manifest.digest.to_string()),
                media_type: manifest.media_type.to_owned(),
                size: manifest.bytes.len() as u64,
                bytes: Some((&manifest.bytes[..]).into()),
            },
            Err(error) => refused(&error),
        };
        self.compare(&op, &seen, shown);
    }

    /// Asks both who refers to the digest, perhaps of one artifact type only, and compares: order, artifact types, annotations.
    pub(crate) fn referrers(&mut self, repo: &str, digest: &str, artifact_type: Option<&str>, shown: &[u8]) {
        let op =
            Op::Referrers { repo: repo.into(), digest: digest.into(), artifact_type: artifact_type.map(str::to_owned) };
        let seen = match run(self.api.referrers(repo, digest, artifact_type)) {
            Ok((referrers, filtered)) => Outcome::Referrers {
                referrers: referrers
                    .into_iter()
                    .map(|one| Referrer {
                        digest: one.digest.to_string(),
                        media_type: one.media_type,
                        size: one.size,
                        artifact_type: one.artifact_type,
                        annotations: one.annotations,
                    })
                    .collect(),
                filtered,
            },
            Err(error) => refused(&error),
        };
        self.compare(&op, &seen, shown);
    }

    fn compare(&mut self, op: &Op, seen: &Outcome, shown: &[u8]) {
        let mut branches = step(&self.specification, &self.state, op);
        let Some(taken) = branches.iter().position(|branch| branch.expect.matches(seen)) else {
            disagree(op, self.specification.options(), &branches, seen, shown);
        };
        self.state = branches.swap_remove(taken).next;
    }
}

fn disagree(op: &Op, options: &Options, branches: &[Branch], seen: &dyn Debug, shown: &[u8]) -> ! {
    let permitted: Vec<_> = branches.iter().map(|branch| format!("{}: {:?}", branch.rule.0, branch.expect)).collect();
    panic!(
        "the model and the registry disagree\n {op:?}\n {options:?}\n the model permits {permitted:#?}\n the registry \
         answers {seen:?}\n the document: {}",
        shown.escape_ascii(),
    );
}

fn refused(error: &ApiError) -> Outcome {
    let item = |item: &proofhouse_registry::api::ApiErrorItem| ErrorItem {
        code: Code::from(item.code.as_str()),
        detail: item.detail.clone(),
    };
    Outcome::Refused { status: error.class().status(), errors: error.errors.iter().map(item).collect() }
}

/// Over memory nothing waits, so one runtime a thread will do for all.
pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    use tokio::runtime::{Builder, Runtime};
    thread_local! {
        static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().expect("a runtime needs nothing");
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}
