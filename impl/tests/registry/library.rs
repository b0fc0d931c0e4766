//! What a program that uses the registry as a library can ask, and a client cannot.

use futures::TryStreamExt as _;
use proofhouse_registry::error::{BlobError, TagError};
use proofhouse_registry::name::Tag;

use crate::support::*;

#[tokio::test]
async fn tags_are_set_listed_moved_and_removed() {
    let house = House::new();
    let one = house.push_image("a", None, "config", &["one"]).await;
    let other = house.push_image("a", None, "config", &["other"]).await;
    let tags = house.api.registry().repository(&"a".parse().unwrap()).unwrap().tags();
    let [latest, v1]: [Tag; 2] = ["latest", "v1"].map(|tag| tag.parse().unwrap());
    assert_eq!(tags.all().await.unwrap(), []);
    tags.tag(&v1, &one).await.unwrap();
    tags.tag(&latest, &one).await.unwrap();
    tags.tag(&latest, &other).await.unwrap();
    assert_eq!(tags.all().await.unwrap(), [latest.clone(), v1.clone()]);
    assert_eq!((tags.get(&latest).await.unwrap(), tags.get(&v1).await.unwrap()), (other.clone(), one.clone()));
    assert_eq!(tags.lookup(&one).await.unwrap(), std::slice::from_ref(&v1));
    let mut ever = [one.clone(), other];
    ever.sort();
    assert_eq!(tags.manifest_digests(&latest).await.unwrap(), ever);
    tags.untag(&latest).await.unwrap();
    assert_eq!(tags.all().await.unwrap(), [v1]);
    assert!(matches!(tags.get(&latest).await, Err(TagError::Unknown(tag)) if tag == latest));
    assert!(house.has_manifest("a", one.as_str()).await);
}

#[tokio::test]
async fn a_manifest_is_there_or_not() {
    let house = House::new();
    let digest = house.put("a", None, INDEX, &index_of("", "")).await;
    let exists = async |name: &str, digest| {
        let repository = house.api.registry().repository(&name.parse().unwrap()).unwrap();
        repository.manifests(&[]).exists(digest).await.unwrap()
    };
    assert!(exists("a", &digest).await && !exists("b", &digest).await && !exists("a", &sha256("other")).await);
}

#[tokio::test]
async fn referrers_are_listed_in_the_order_of_their_digests() {
    let house = House::new();
    let about = house.put("a", None, INDEX, &index_of("", "")).await;
    let mut expected = Vec::new();
    for annotation in ["one", "other"] {
        let more = format!(r#","annotations":{{"n":"{annotation}"}}{}"#, subject(&about));
        expected.push(house.put("a", None, INDEX, &index_of("", &more)).await);
    }
    expected.sort();
    let repository = house.api.registry().repository(&"a".parse().unwrap()).unwrap();
    assert_eq!(repository.named().to_string(), "a");
    let listed = repository.referrers().list(&about).await.unwrap();
    assert_eq!(listed.into_iter().map(|referrer| referrer.digest).collect::<Vec<_>>(), expected);
    let other = house.api.registry().repository(&"b".parse().unwrap()).unwrap();
    assert_eq!(other.referrers().list(&about).await.unwrap(), []);
}

#[tokio::test]
async fn bytes_are_read_whoever_links_them() {
    let house = House::new();
    let digest = house.push("a", "content").await;
    let blobs = house.api.registry().blobs();
    let read = async |offset, length| {
        let pieces: Vec<_> = blobs.reader(&digest, offset, length).await.unwrap().try_collect().await.unwrap();
        pieces.concat()
    };
    assert_eq!((read(0, None).await, read(3, Some(2)).await), (b"content".to_vec(), b"te".to_vec()));
    let unknown = sha256("never pushed");
    assert!(matches!(blobs.reader(&unknown, 0, None).await, Err(BlobError::Unknown(digest)) if digest == unknown));
}
