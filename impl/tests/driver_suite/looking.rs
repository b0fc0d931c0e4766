//! Lists, and looks at several paths at once.

use crate::{Shared, at};

pub(crate) async fn lists_are_sorted_by_bytes_and_name_children_only(driver: Shared) {
    for path in ["/d/b", "/d/a/x/y", "/d/a-b", "/d/a.b/z", "/d/a0", "/d/B", "/d/é", "/d/~", "/d/a/x/z", "/e", "/d0"] {
        driver.write(&at(path), "x".into()).await.unwrap();
    }
    assert_eq!(driver.list(&at("/d")).await.unwrap(), ["B", "a", "a-b", "a.b", "a0", "b", "~", "é"]);
    assert_eq!(driver.list(&at("/d/a")).await.unwrap(), ["x"]);
    assert_eq!(driver.list(&at("/d/a/x")).await.unwrap(), ["y", "z"]);
    assert_eq!(driver.list(&at("/")).await.unwrap(), ["d", "d0", "e"]);
}

pub(crate) async fn pages_of_a_list_have_what_comes_after_a_text(driver: Shared) {
    for path in ["/d/b", "/d/a/x", "/d/c", "/d/é"] {
        driver.write(&at(path), "x".into()).await.unwrap();
    }
    for (after, limit, expected) in
        [("", 2, &["a", "b"][..]), ("b", 2, &["c", "é"]), ("bb", 9, &["c", "é"]), ("é", 1, &[]), ("", 0, &[])]
    {
        assert_eq!(driver.list_after(&at("/d"), after, limit).await.unwrap(), expected, "{after:?} {limit}");
    }
    driver.delete(&at("/d/a")).await.unwrap();
    driver.write(&at("/d/0"), "x".into()).await.unwrap();
    assert_eq!(driver.list_after(&at("/d"), "", 2).await.unwrap(), ["0", "b"]);
    driver.rename(&at("/d/b"), &at("/e/b")).await.unwrap();
    assert_eq!(driver.list_after(&at("/d"), "", 2).await.unwrap(), ["0", "c"]);
    driver.delete(&at("/d")).await.unwrap();
    assert!(driver.list_after(&at("/d"), "", 2).await.unwrap_err().is_not_found());
}

pub(crate) async fn several_paths_are_looked_at_as_each_would_be(driver: Shared) {
    for path in ["/d/a/x", "/d/b/x", "/d/ab"] {
        driver.write(&at(path), "x".into()).await.unwrap();
    }
    let alike = [
        &["/d/a/x", "/d/b/x", "/d/c/x", "/d/a", "/d/ab", "/d/ab/x"][..],
        &["/d/a/x", "/e"],
        &["/d", "/d/a"],
        &["/"],
        &[],
    ];
    for paths in alike {
        let paths: Vec<_> = paths.iter().map(|path| at(path)).collect();
        let stats = driver.stat_each(&paths).await;
        assert_eq!(stats.len(), paths.len());
        for (path, stat) in paths.iter().zip(stats) {
            match (stat, driver.stat(path).await) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{path}"),
                (Err(found), Err(expected)) => assert_eq!(found.to_string(), expected.to_string()),
                (found, expected) => panic!("{path}: {found:?}, and alone {expected:?}"),
            }
        }
    }
}
