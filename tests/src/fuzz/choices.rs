//! Sequences of operations, made of a fuzzer's bytes.
//!
//! The things there are, and the options, are those of sixteen generated cases; the bytes choose one and then what is done with it. A
//! choice takes a byte or two, so that a change of one byte changes one thing; operations end with the bytes.

use std::rc::Rc;

use arbitrary::{Result, Unstructured};
use proofhouse::action::{Action, By, Chunk, ChunkRange, ContentType, PageSize, Repo, Tag};
use proofhouse::campaign::{self, CampaignConfig};
use proofhouse::case::Case;
use proofhouse::pool::{Algorithm, BlobId, ManifestId, Named, Payload, RepoId, TagId};
use proofhouse_model::{Dialect, Range, Specification, UploadRef};

/// So many cases to begin with.
const COUNT: u64 = 16;

/// What a sequence begins with.
#[derive(Debug)]
pub(super) struct Base {
    /// Without operations.
    pub(super) case: Case,
    pub(super) specification: Specification,
}

/// The one that a number chooses. Made once for each thread: most of it is digests, and patterns that are compiled.
fn base(number: u8) -> Rc<Base> {
    thread_local! {
        static BASES: Vec<Rc<Base>> = {
            let config = CampaignConfig { ops: 0, ..CampaignConfig::default() };
            let made = |seed| {
                let case = campaign::case(&config, seed, &|_| true).expect("varied options are some").best().clone();
                let specification = Specification::new(Dialect::Proofhouse, case.options.resolve(&case.pool));
                Rc::new(Base { case, specification: specification.expect("generated options are some") })
            };
            (0..COUNT).map(made).collect()
        };
    }
    BASES.with(|bases| Rc::clone(&bases[usize::from(number) % bases.len()]))
}

/// What there is, at most `most` operations on it, and a byte for whoever runs them. None: there are not even two bytes.
pub(super) fn sequence(data: &[u8], most: usize) -> Option<(Rc<Base>, Vec<Action>, u8)> {
    let [number, spare, rest @ ..] = data else { return None };
    let base = base(*number);
    let largest_page = u32::try_from(base.specification.options().catalog_max).unwrap_or(u32::MAX);
    let mut choices = Choices { bytes: Unstructured::new(rest), uploads: 0, largest_page };
    let mut actions = Vec::new();
    while actions.len() < most
        && !choices.bytes.is_empty()
        && let Ok(action) = choices.action()
    {
        actions.push(action);
    }
    Some((base, actions, *spare))
}

struct Choices<'a> {
    bytes: Unstructured<'a>,
    uploads: u32,
    largest_page: u32,
}

impl Choices<'_> {
    fn byte(&mut self) -> Result<u8> {
        self.bytes.arbitrary()
    }

    fn action(&mut self) -> Result<Action> {
        Ok(match self.byte()? % 32 {
            0 => Action::HeadBlob { repo: self.repo()?, what: self.named()? },
            1 | 2 => Action::GetBlob { repo: self.repo()?, what: self.named()?, range: self.range()? },
            3 => Action::DeleteBlob { repo: self.repo()?, what: self.named()? },
            4 | 5 => {
                let (repo, what, from) = (self.repo()?, self.named()?, self.repo()?);
                let from = (self.byte()? < 224).then_some(from);
                Action::MountBlob { repo, what, from, upload: self.new_upload() }
            }
            6 => Action::StartUpload { repo: self.repo()?, upload: self.new_upload() },
            7..=9 => {
                let (repo, payload) = (self.repo()?, self.payload()?);
                Action::PutBlob { repo, payload, claimed: self.claimed(payload)?, upload: self.new_upload() }
            }
            10 | 11 => {
                let (repo, upload, chunk) = (self.repo()?, self.upload()?, self.chunk()?);
                Action::Append { repo, upload, chunk, range: self.chunk_range()? }
            }
            12 => Action::UploadStatus { repo: self.repo()?, upload: self.upload()? },
            13 | 14 => {
                let (repo, upload, chunk) = (self.repo()?, self.upload()?, self.chunk()?);
                let claimed = self.claimed(chunk.of)?;
                let claimed = (self.byte()? < 240).then_some(claimed);
                Action::FinishUpload { repo, upload, claimed, chunk, range: self.chunk_range()? }
            }
            15 => Action::CancelUpload { repo: self.repo()?, upload: self.upload()? },
            16..=19 => self.put_manifest()?,
            20 => Action::HeadManifest { repo: self.repo()?, by: self.by()? },
            21 => Action::GetManifest { repo: self.repo()?, by: self.by()? },
            22 | 23 => Action::DeleteManifest { repo: self.repo()?, by: self.by()? },
            24 => {
                let (repo, n, tag) = (self.repo()?, self.page_size()?, self.tag()?);
                Action::ListTags { repo, n, last: (self.byte()? % 2 == 0).then_some(tag) }
            }
            25 => {
                let (n, repo) = (self.page_size()?, self.repo()?);
                Action::ListRepositories { n, last: (self.byte()? % 2 == 0).then_some(repo) }
            }
            26 => {
                let types = [None, Some(""), Some("application/vnd.example.sbom"), Some("x")];
                let (repo, what) = (self.repo()?, self.named()?);
                Action::Referrers { repo, what, artifact_type: types[usize::from(self.byte()?) % types.len()] }
            }
            27 => Action::TagsOf { repo: self.repo()?, what: self.named()? },
            28 => match self.byte()? % 4 {
                0 => Action::TagHistory { repo: self.repo()?, tag: self.tag()? },
                1 => Action::ListBlobs,
                // Pages as large as they may be, at most.
                2 => Action::WalkRepositories { n: u32::from(self.byte()? % 3 + 1).min(self.largest_page) },
                _ => Action::RemoveRepository { repo: self.repo()? },
            },
            29 | 30 => {
                let flags = self.byte()?;
                Action::CollectGarbage {
                    delete_untagged: flags & 1 == 1,
                    dry_run: flags & 2 == 2,
                    grace_seconds: self.seconds()?,
                    watched: false,
                }
            }
            _ => match self.byte()? % 3 {
                0 => Action::PurgeUploads { older_than: self.seconds()?, dry_run: self.byte()? % 2 == 1 },
                // No clock of a machine goes further than some centuries.
                1 => Action::Advance { seconds: self.seconds()?.min(1 << 33) },
                _ => Action::Restart,
            },
        })
    }

    fn put_manifest(&mut self) -> Result<Action> {
        let (repo, payload) = (self.repo()?, self.payload()?);
        let kind = self.byte()?;
        let by = match kind % 8 {
            0..=3 => By::Tag(self.tag()?),
            4..=6 => By::Digest(self.claimed(payload)?),
            _ => self.by()?,
        };
        let content_type = match kind / 8 {
            0..=27 => ContentType::Own,
            28 => ContentType::OwnDressed,
            29 => ContentType::Missing,
            _ => ContentType::Other(self.byte()?),
        };
        let tags = (0..self.byte()?.saturating_sub(250)).map(|_| self.tag()).collect::<Result<_>>()?;
        Ok(Action::PutManifest { repo, by, content_type, tags, payload })
    }

    fn new_upload(&mut self) -> UploadRef {
        self.uploads += 1;
        UploadRef(self.uploads)
    }

    fn upload(&mut self) -> Result<UploadRef> {
        Ok(UploadRef(u32::from(self.byte()?) % (self.uploads + 1)))
    }

    fn repo(&mut self) -> Result<Repo> {
        Ok(match self.byte()? {
            number @ 0..=239 => Repo::Of(RepoId(number % 3)),
            240..=247 => Repo::Absent,
            248 => Repo::Long(255),
            249 => Repo::Long(256),
            number => Repo::Odd(number),
        })
    }

    fn tag(&mut self) -> Result<Tag> {
        Ok(match self.byte()? {
            number @ 0..=239 => Tag::Of(TagId(number % 4)),
            240..=247 => Tag::Absent,
            248 => Tag::Long(128),
            249 => Tag::Long(129),
            number => Tag::Odd(number),
        })
    }

    fn payload(&mut self) -> Result<Payload> {
        let number = self.byte()?;
        Ok(if number % 2 == 0 { Payload::Blob(BlobId(number / 2)) } else { Payload::Manifest(ManifestId(number / 2)) })
    }

    fn named(&mut self) -> Result<Named> {
        Ok(match self.byte()? {
            number @ 0..=223 => {
                let algorithm = if number % 16 == 15 { Algorithm::Sha512 } else { Algorithm::Sha256 };
                Named::Of(self.payload()?, algorithm)
            }
            number @ 224..=239 => Named::Unknown(number % 2),
            number => Named::Malformed(number),
        })
    }

    /// The digest of it, mostly.
    fn claimed(&mut self, payload: Payload) -> Result<Named> {
        Ok(match self.byte()? {
            0..=207 => Named::Of(payload, Algorithm::Sha256),
            208..=239 => Named::Of(payload, Algorithm::Sha512),
            _ => self.named()?,
        })
    }

    fn by(&mut self) -> Result<By> {
        Ok(if self.byte()? % 2 == 0 { By::Tag(self.tag()?) } else { By::Digest(self.named()?) })
    }

    /// A number of bytes, often one that matters.
    fn count(&mut self) -> Result<u32> {
        Ok(match self.byte()? {
            number @ 0..=199 => number.into(),
            number @ 200..=239 => u32::from(number) << 6,
            _ => u32::MAX,
        })
    }

    fn range(&mut self) -> Result<Option<Range>> {
        let (first, last) = (self.count()?.into(), self.count()?.into());
        Ok(match self.byte()? % 6 {
            0 => Some(Range::FromTo(first, last)),
            1 => Some(Range::From(first)),
            2 => Some(Range::Last(last)),
            _ => None,
        })
    }

    fn chunk(&mut self) -> Result<Chunk> {
        let of = self.payload()?;
        Ok(match self.byte()? % 4 {
            0 => Chunk::none(),
            1 => Chunk { of, first: self.count()?, end: self.count()? },
            2 => Chunk { of, first: 0, end: self.count()? },
            _ => Chunk::all(of),
        })
    }

    #[allow(clippy::cast_possible_wrap, reason = "any number will do")]
    fn chunk_range(&mut self) -> Result<ChunkRange> {
        Ok(match self.byte()? {
            0..=99 => ChunkRange::Absent,
            100..=219 => ChunkRange::Fitting,
            220..=249 => ChunkRange::Off(self.byte()? as i8 % 4, self.byte()? as i8 % 4),
            _ => ChunkRange::Backwards,
        })
    }

    fn page_size(&mut self) -> Result<PageSize> {
        Ok(match self.byte()? {
            0..=79 => PageSize::Absent,
            number @ 80..=239 => PageSize::Is(u32::from(number % 5)),
            240..=243 => PageSize::Is(u32::MAX),
            number => PageSize::Odd(number),
        })
    }

    /// Seconds that are worth telling apart.
    fn seconds(&mut self) -> Result<u64> {
        let seconds = [0, 1, 60, 3_599, 3_600, 3_601, 1 << 40, u64::MAX];
        Ok(seconds[usize::from(self.byte()?) % seconds.len()])
    }
}
