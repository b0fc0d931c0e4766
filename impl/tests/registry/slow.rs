//! A disk that takes its time over one call: who asked for that waits, nobody else does, and then it is done.
//!
//! What waits for everybody, a collection, is left out here.

use crate::blind::Blind;
use crate::support::*;

/// What another client does meanwhile, with everything that there is.
async fn works(house: &House, repo: &str) {
    let digest = house.push_image(repo, Some("t"), "config", &["layer"]).await;
    assert!(house.has_manifest(repo, "t").await && house.has(repo, "layer").await);
    let id = house.api.start_upload(repo).await.unwrap().id;
    house.api.append(repo, &id, None, body("bytes")).await.unwrap();
    house.api.finish(repo, &id, Some(sha256("bytes").as_str()), None, body("")).await.unwrap();
    house.api.mount_blob(repo, sha256("layer").as_str(), Some("a")).await.unwrap();
    assert_eq!(house.api.list_tags(repo, None, None).await.unwrap().items, ["t"]);
    assert_eq!(house.api.referrers(repo, digest.as_str(), None).await.unwrap().0, []);
    house.api.catalog(None, None).await.unwrap();
    house.api.delete_blob(repo, sha256("bytes").as_str()).await.unwrap();
    house.api.delete_manifest(repo, digest.as_str()).await.unwrap();
}

#[tokio::test]
async fn whoever_waits_for_the_disk_waits_alone_and_is_answered_in_the_end() {
    let mut tried = Vec::new();
    for call in ["read", "stat", "list", "write", "append", "rename", "delete"] {
        for step in ["push", "pull", "upload", "lists", "delete"] {
            let (driver, house) = Blind::house();
            let house = std::sync::Arc::new(house);
            let digest = house.push_image("a", Some("t"), "config", &["layer"]).await;
            let id = house.api.start_upload("a").await.unwrap().id;
            house.api.append("a", &id, None, body("by")).await.unwrap();
            *driver.holds.lock().unwrap() = Some(format!("{call} /docker/registry/v2/repositories/a/"));
            let slow = {
                let house = house.clone();
                tokio::spawn(async move {
                    match step {
                        "push" => drop(house.push_image("a", Some("u"), "config", &["other"]).await),
                        "pull" => assert!(house.has_manifest("a", "t").await && house.has("a", "layer").await),
                        "upload" => {
                            house.api.append("a", &id, None, body("tes")).await.unwrap();
                            let digest = sha256("bytes");
                            house.api.finish("a", &id, Some(digest.as_str()), None, body("")).await.unwrap();
                        }
                        "lists" => {
                            assert_eq!(house.api.list_tags("a", None, None).await.unwrap().items, ["t"]);
                            house.api.referrers("a", digest.as_str(), None).await.unwrap();
                        }
                        _ => house.api.delete_manifest("a", digest.as_str()).await.unwrap(),
                    }
                })
            };
            // It either meets the slow call, or ends without.
            let mut slow = std::pin::pin!(slow);
            tokio::select! {
                () = driver.held.notified() => tried.push((call, step)),
                done = &mut slow => { done.unwrap(); continue; }
            }
            works(&house, "b").await;
            driver.go_on.notify_one();
            slow.await.unwrap();
            works(&house, "c").await;
        }
    }
    let calls: std::collections::BTreeSet<&str> = tried.iter().map(|(call, _)| *call).collect();
    assert!(calls.len() == 7 && tried.len() >= 15, "{tried:?}");
}
