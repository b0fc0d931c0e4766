//! Sequences of operations: see `fuzz/choices.rs` for what each byte is.

use super::Seed;

const REPO: u8 = 0;
const OTHER: u8 = 1;
const BLOB: u8 = 0;
const MANIFEST: u8 = 1;
const TAG: u8 = 0;
/// Of the sha256 digest of what follows.
const OF: u8 = 0;
const TRUE: u8 = 0;

const PUT: [u8; 4] = [7, REPO, BLOB, TRUE];
const PUT_MANIFEST: [u8; 6] = [16, REPO, MANIFEST, 0, TAG, 0];

pub(super) fn seeds() -> Vec<Seed> {
    let get = |repo: u8, what: u8| [1, repo, OF, what, 0, 0, 5];
    let all: &[(&str, &[&[u8]])] = &[
        ("push-pull", &[&PUT, &get(REPO, BLOB), &PUT_MANIFEST, &[21, REPO, 0, TAG]]),
        ("unlinked", &[&PUT, &get(OTHER, BLOB), &[4, OTHER, OF, BLOB, REPO, 0], &get(OTHER, BLOB)]),
        ("delete", &[&PUT, &[3, REPO, OF, BLOB], &get(REPO, BLOB), &[31, 2], &get(REPO, BLOB)]),
        (
            "upload",
            &[&[6, REPO], &[10, REPO, 1, BLOB, 2, 1, 120], &[12, REPO, 1], &[13, REPO, 1, BLOB, 1, 1, 255, 0, 0, 120]],
        ),
        ("upload-cancel", &[&[6, REPO], &[15, REPO, 1], &[12, REPO, 1]]),
        (
            "tags",
            &[&PUT_MANIFEST, &[16, REPO, 3, 0, 1, 0], &[24, REPO, 81, 0, 0], &[22, REPO, 0, TAG], &[28, 0, REPO, TAG]],
        ),
        (
            "lists",
            &[
                &PUT_MANIFEST,
                &[25, 82, 0, 1],
                &[28, 2, 1],
                &[28, 1],
                &[26, REPO, OF, MANIFEST, 0],
                &[27, REPO, OF, MANIFEST],
            ],
        ),
        ("collect", &[&PUT, &PUT_MANIFEST, &[29, 1, 0], &get(REPO, BLOB), &[21, REPO, 0, TAG]]),
        ("collect-untagged", &[&PUT, &[16, REPO, MANIFEST, 4, TRUE, 0], &[29, 1, 0], &[21, REPO, 1, OF, MANIFEST]]),
        ("purge", &[&[6, REPO], &[31, 1, 4], &[31, 0, 2, 0], &[12, REPO, 1]]),
        ("remove", &[&PUT, &[28, 3, REPO], &get(REPO, BLOB), &[29, 0, 0]]),
        ("odd", &[&[7, 250, BLOB, TRUE], &[0, REPO, 255], &[24, REPO, 250, 0, 1], &[21, REPO, 0, 251]]),
        ("restart", &[&PUT, &[31, 2], &PUT_MANIFEST, &[31, 2], &[21, REPO, 0, TAG]]),
    ];
    let mut seeds = Vec::new();
    for (number, (name, steps)) in (0_u8..).zip(all) {
        let steps = steps.concat();
        // Some are read back whole.
        let spare = if number % 4 == 0 { 0 } else { 16 };
        seeds.push(Seed::new("operations", *name, [&[number % 16, spare][..], &steps].concat()));
        // After one call in so many.
        seeds.push(Seed::new("crash_operations", *name, [&[number % 16, 6][..], &steps].concat()));
    }
    seeds
}
