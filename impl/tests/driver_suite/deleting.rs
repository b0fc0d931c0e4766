//! Deletions, of one and of several.

use std::sync::Arc;

use proofhouse_registry::driver::DriverError;

use crate::{Shared, at};

pub(crate) async fn deleting_a_directory_takes_all_that_is_in_it_and_nothing_beside_it(driver: Shared) {
    for path in ["/a/b/1", "/a/b/c/2", "/a/b-c", "/a/b.c/3", "/a/b0", "/a/bb"] {
        driver.write(&at(path), "x".into()).await.unwrap();
    }
    driver.delete(&at("/a/b")).await.unwrap();
    assert_eq!(driver.list(&at("/a")).await.unwrap(), ["b-c", "b.c", "b0", "bb"]);
    for path in ["/a/b", "/a/b/1", "/a/b/c", "/a/b/c/2"] {
        assert!(driver.stat(&at(path)).await.unwrap_err().is_not_found(), "{path}");
    }
    // What comes again comes fresh.
    driver.write(&at("/a/b/new"), "x".into()).await.unwrap();
    assert_eq!(driver.list(&at("/a/b")).await.unwrap(), ["new"]);
    assert_eq!(driver.list(&at("/")).await.unwrap(), ["a"], "nothing of the deletion is left");
}

pub(crate) async fn several_are_deleted_at_once_and_what_is_missing_stays_so(driver: Shared) {
    for path in ["/a/b/1", "/a/b/c/2", "/a/d", "/e/f/3", "/e/g", "/h"] {
        driver.write(&at(path), "x".into()).await.unwrap();
    }
    let paths = ["/a/b", "/none", "/e/f/3", "/a/d", "/a/b/1", "/h/below"].map(at);
    driver.delete_each(&paths).await.unwrap();
    assert!(driver.list(&at("/a")).await.unwrap().is_empty());
    assert!(driver.list(&at("/e/f")).await.unwrap().is_empty());
    assert_eq!(driver.list(&at("/")).await.unwrap(), ["a", "e", "h"], "nothing of the deletion is left");
    driver.delete_each(&[]).await.unwrap();
    let refused = driver.delete_each(&["/e/g", "/", "/h"].map(at)).await;
    assert!(matches!(refused, Err(DriverError::InvalidPath { path }) if path == "/"));
    assert_eq!(driver.read(&at("/h")).await.unwrap(), "x");
}

pub(crate) async fn writes_into_a_directory_that_is_deleted_meanwhile_are_whole_or_gone(driver: Shared) {
    let writer = {
        let driver = Arc::clone(&driver);
        tokio::spawn(async move {
            for n in 0..100 {
                driver.write(&at("/a/b/c").join(n.to_string()).unwrap(), "x".into()).await.unwrap();
                tokio::task::yield_now().await;
            }
        })
    };
    while !writer.is_finished() {
        match driver.delete(&at("/a")).await {
            Err(error) if !error.is_not_found() => panic!("{error}"),
            _ => tokio::task::yield_now().await,
        }
    }
    writer.await.unwrap();
    driver.write(&at("/a/b/c/last"), "x".into()).await.unwrap();
    for name in driver.list(&at("/a/b/c")).await.unwrap() {
        assert_eq!(driver.read(&at("/a/b/c").join(name).unwrap()).await.unwrap(), "x");
    }
}
