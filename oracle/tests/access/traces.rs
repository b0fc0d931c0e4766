//! What is left of a run.

use std::fs;
use std::path::Path;

use super::served::Served;

/// Tags, manifests and blobs of repositories are files of this name.
fn links(directory: &Path) -> usize {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    let count = |path: &Path| if path.is_dir() { links(path) } else { usize::from(path.ends_with("link")) };
    entries.map(|entry| count(&entry.unwrap().path())).sum()
}

#[test]
fn what_was_written_is_deleted_unless_it_is_to_be_kept() {
    let served = Served::start(|_| String::new());
    let root = served.file("root");
    served.check(&[]).run().conforms();
    assert_eq!(links(&root), 0);
    served.check(&["--keep"]).run().conforms();
    let kept = links(&root);
    assert!(kept > 0);
    // What is of others is not touched.
    served.check(&[]).run().conforms();
    assert_eq!(links(&root), kept);
}

#[test]
fn where_nothing_can_be_deleted_the_prefix_is_told() {
    let served = Served::start(|_| "storage: {filesystem: {}, delete: {enabled: false}}\n".to_owned());
    let arguments = ["--namespace", "mine"];
    let ran = served.check(&arguments).run();
    ran.conforms();
    let told = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        told.contains("stay in repositories that begin with mine/") && told.contains("is answered with 405"),
        "{ran:?}"
    );
    let ran = served.check(&arguments).with(&["--format", "json"]).run();
    ran.conforms();
    assert!(ran.stderr.contains("stay in repositories that begin with mine/"), "{ran:?}");
}
