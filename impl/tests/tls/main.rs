//! TLS with real handshakes on the loopback interface: who gets in, with which files, and after they have changed.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod pki;

use std::path::Path;
use std::sync::Arc;

use proofhouse_registry::api::{Api, ApiConfig};
use proofhouse_registry::builder::RegistryBuilder;
use proofhouse_registry::driver::Memory;
use proofhouse_registry::http::{HttpOptions, Secret};
use proofhouse_registry::server::{Server, ServerOptions};
use proofhouse_registry::tls::{CipherSuites, ClientAuth, ServerTls, TlsError, TlsOptions, TlsVersion};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use self::pki::{Authority, Leaf};

const TLS12_ONLY: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];

/// What one side saw of a connection that came about.
#[derive(Debug)]
struct Seen {
    server_certificate: CertificateDer<'static>,
    version: ProtocolVersion,
    protocol: Option<Vec<u8>>,
}

/// A client's side.
struct Client {
    trusts: CertificateDer<'static>,
    shows: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
    speaks: &'static [&'static SupportedProtocolVersion],
    protocols: Vec<Vec<u8>>,
}

impl Client {
    fn of(authority: &Authority) -> Self {
        Self { trusts: authority.der(), shows: None, speaks: rustls::ALL_VERSIONS, protocols: vec![] }
    }

    fn config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.trusts.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(self.speaks)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match &self.shows {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                builder.with_client_auth_cert(vec![certificate.clone()], key.clone_key()).unwrap()
            }
        };
        config.alpn_protocols.clone_from(&self.protocols);
        config
    }

    /// One connection: a byte there and a byte back, so that both sides are through with the handshake.
    async fn connect(&self, server: &ServerTls) -> Result<Seen, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(server.config());
        let serve = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.map_err(|error| error.to_string())?;
            let byte = stream.read_u8().await.map_err(|error| error.to_string())?;
            stream.write_u8(byte).await.map_err(|error| error.to_string())?;
            stream.shutdown().await.map_err(|error| error.to_string())
        };
        let ask = async {
            let stream = TcpStream::connect(address).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let mut stream = TlsConnector::from(Arc::new(self.config())).connect(name, stream).await?;
            stream.write_u8(7).await?;
            assert_eq!(stream.read_u8().await?, 7);
            let connection = stream.get_ref().1;
            Ok::<_, std::io::Error>(Seen {
                server_certificate: connection.peer_certificates().unwrap()[0].clone(),
                version: connection.protocol_version().unwrap(),
                protocol: connection.alpn_protocol().map(<[u8]>::to_vec),
            })
        };
        let (served, asked) = tokio::join!(serve, ask);
        served.and(asked.map_err(|error| error.to_string()))
    }
}

fn options(directory: &Path, leaf: &Leaf) -> TlsOptions {
    let options = TlsOptions::new(directory.join("tls.crt"), directory.join("tls.key"));
    write(&options, leaf);
    options
}

fn write(options: &TlsOptions, leaf: &Leaf) {
    std::fs::write(&options.certificate, &leaf.chain).unwrap();
    std::fs::write(&options.key, &leaf.key).unwrap();
}

#[tokio::test]
async fn every_encoding_of_a_key_works() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new("a");
    let elliptic = authority.server();
    let rsa = authority.rsa_server();
    for (key, leaf) in [
        ("PKCS#8 of a curve", elliptic.clone()),
        ("SEC1", elliptic.with_key_as("EC PRIVATE KEY")),
        ("PKCS#8 of RSA", rsa.clone()),
        ("PKCS#1", rsa.with_key_as("RSA PRIVATE KEY")),
    ] {
        let server = ServerTls::load(options(directory.path(), &leaf)).unwrap();
        let seen = Client::of(&authority).connect(&server).await.unwrap();
        assert_eq!(seen.server_certificate, leaf.der, "{key}");
        assert_eq!(seen.version, ProtocolVersion::TLSv1_3);
    }
}

#[tokio::test]
async fn the_chain_in_the_file_is_sent() {
    let directory = tempfile::tempdir().unwrap();
    let root = Authority::new("root");
    let between = root.authority("between");
    let mut leaf = between.server();
    let server = ServerTls::load(options(directory.path(), &leaf)).unwrap();
    Client::of(&root).connect(&server).await.unwrap_err();
    leaf.chain.push_str(&between.pem());
    let server = ServerTls::load(options(directory.path(), &leaf)).unwrap();
    Client::of(&root).connect(&server).await.unwrap();
}

#[tokio::test]
async fn a_client_that_speaks_only_an_older_version_than_the_minimum_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new("a");
    let mut options = options(directory.path(), &authority.server());
    let old = Client { speaks: TLS12_ONLY, ..Client::of(&authority) };
    let server = ServerTls::load(options.clone()).unwrap();
    assert_eq!(old.connect(&server).await.unwrap().version, ProtocolVersion::TLSv1_2);
    options.minimum = TlsVersion::Tls13;
    let server = ServerTls::load(options).unwrap();
    old.connect(&server).await.unwrap_err();
    Client::of(&authority).connect(&server).await.unwrap();
}

#[tokio::test]
async fn a_choice_of_suites_binds_tls_1_2() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new("a");
    let mut options = options(directory.path(), &authority.server());
    // The server's key is of a curve: this suite is none for it.
    options.suites = CipherSuites::named(&["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]).unwrap();
    let server = ServerTls::load(options).unwrap();
    let old = Client { speaks: TLS12_ONLY, ..Client::of(&authority) };
    old.connect(&server).await.unwrap_err();
    Client::of(&authority).connect(&server).await.unwrap();
}

#[tokio::test]
async fn only_http_1_1_is_spoken() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new("a");
    let server = ServerTls::load(options(directory.path(), &authority.server())).unwrap();
    let both = Client { protocols: vec![b"h2".to_vec(), b"http/1.1".to_vec()], ..Client::of(&authority) };
    assert_eq!(both.connect(&server).await.unwrap().protocol.unwrap(), b"http/1.1");
    let newer = Client { protocols: vec![b"h2".to_vec()], ..Client::of(&authority) };
    newer.connect(&server).await.unwrap_err();
}

#[tokio::test]
async fn with_client_authorities_only_their_clients_get_in() {
    let directory = tempfile::tempdir().unwrap();
    let (authority, clients, strangers) = (Authority::new("a"), Authority::new("clients"), Authority::new("strangers"));
    let mut options = options(directory.path(), &authority.server());
    for (name, authority) in [("one.pem", &clients), ("two.pem", &Authority::new("two"))] {
        let path = directory.path().join(name);
        std::fs::write(&path, authority.pem()).unwrap();
        options.client_cas.push(path);
    }
    let with = |leaf: Leaf| Client { shows: Some(leaf.into_pair()), ..Client::of(&authority) };
    for (client_auth, without_one) in [(ClientAuth::Required, false), (ClientAuth::Optional, true)] {
        options.client_auth = client_auth;
        let server = ServerTls::load(options.clone()).unwrap();
        with(clients.client()).connect(&server).await.unwrap();
        with(strangers.client()).connect(&server).await.unwrap_err();
        assert_eq!(Client::of(&authority).connect(&server).await.is_ok(), without_one, "{client_auth:?}");
    }
}

#[tokio::test]
async fn new_files_are_used_from_the_next_connection_on() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new("a");
    let (first, second) = (authority.server(), authority.server());
    let options = options(directory.path(), &first);
    let server = ServerTls::load(options.clone()).unwrap();
    let client = Client::of(&authority);
    assert!(!server.reload().unwrap());
    write(&options, &second);
    assert_eq!(client.connect(&server).await.unwrap().server_certificate, first.der);
    assert!(server.reload().unwrap());
    assert_eq!(client.connect(&server).await.unwrap().server_certificate, second.der);
    assert!(!server.reload().unwrap());
}

#[tokio::test]
async fn files_that_cannot_be_used_leave_the_old_ones_in_use_until_they_are_mended() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new("a");
    let (first, second) = (authority.server(), authority.server());
    let options = options(directory.path(), &first);
    let server = ServerTls::load(options.clone()).unwrap();
    let client = Client::of(&authority);

    // Half of a change: the certificate is new, the key is not yet.
    std::fs::write(&options.certificate, &second.chain).unwrap();
    assert!(matches!(server.reload(), Err(TlsError::Pair { .. })));
    assert!(!server.reload().unwrap(), "the same bytes are told once");
    assert_eq!(client.connect(&server).await.unwrap().server_certificate, first.der);

    std::fs::write(&options.certificate, "nonsense").unwrap();
    assert!(matches!(server.reload(), Err(TlsError::Pem { path, .. }) if path == options.certificate));
    std::fs::remove_file(&options.key).unwrap();
    assert!(matches!(server.reload(), Err(TlsError::File { path, .. }) if path == options.key));
    assert_eq!(client.connect(&server).await.unwrap().server_certificate, first.der);

    write(&options, &second);
    assert!(server.reload().unwrap());
    assert_eq!(client.connect(&server).await.unwrap().server_certificate, second.der);
}

#[tokio::test(start_paused = true)]
async fn a_watched_server_takes_new_files_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new("a");
    let options = options(directory.path(), &authority.server());
    let server = Arc::new(ServerTls::load(options.clone()).unwrap());
    let before = server.config();
    write(&options, &authority.server());
    let watching = tokio::spawn(Arc::clone(&server).watch(std::time::Duration::from_secs(10)));
    // The clock of this runtime jumps to the next timer when there is nothing else to do, so this takes no time.
    let mut waited = 0;
    while Arc::ptr_eq(&server.config(), &before) {
        assert!(waited < 1_000, "nothing came");
        waited += 1;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    watching.abort();
}

#[test]
fn what_cannot_be_used_at_the_start_is_said_with_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new("a");
    let leaf = authority.server();
    let good = options(directory.path(), &leaf);
    let refused = |options: &TlsOptions| ServerTls::load(options.clone()).unwrap_err().to_string();

    let missing = TlsOptions { key: directory.path().join("none"), ..good.clone() };
    assert!(refused(&missing).contains("none: "), "{}", refused(&missing));
    let swapped = TlsOptions::new(&good.key, &good.certificate);
    assert!(refused(&swapped).contains("tls.key has no certificate"), "{}", refused(&swapped));
    let no_key = TlsOptions::new(&good.certificate, &good.certificate);
    assert!(refused(&no_key).contains("tls.crt has no private key"), "{}", refused(&no_key));
    let no_authority = TlsOptions { client_cas: vec![good.key.clone()], ..good.clone() };
    assert!(refused(&no_authority).contains("tls.key has no certificate"), "{}", refused(&no_authority));

    std::fs::write(&good.key, authority.server().key).unwrap();
    assert!(refused(&good).contains("tls.key does not go with"), "{}", refused(&good));
    // What follows is cut off, not left out.
    std::fs::write(&good.certificate, format!("{}-----BEGIN CERTIFICATE-----\nAAAA", leaf.chain)).unwrap();
    assert!(refused(&good).contains("tls.crt has no certificate"), "{}", refused(&good));
}

/// A registry in memory behind TLS.
async fn served(tls: ServerTls) -> (std::net::SocketAddr, tokio::task::JoinHandle<()>) {
    let registry = RegistryBuilder::new(Arc::new(Memory::default())).build().unwrap();
    let mut options = ServerOptions::new(HttpOptions::new(Secret::new(b"s")));
    options.tls = Some(Arc::new(tls));
    let server = Server::bind("127.0.0.1:0", Api::new(registry, ApiConfig::default()), options).await.unwrap();
    (server.address(), tokio::spawn(server.run(std::future::pending())))
}

#[tokio::test]
async fn the_registry_answers_over_tls_and_to_nobody_who_speaks_without() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new("a");
    let server = ServerTls::load(options(directory.path(), &authority.server())).unwrap();
    let (address, running) = served(server).await;
    let request = b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let client = Client::of(&authority);
    let mut stream = TlsConnector::from(Arc::new(client.config())).connect(name, stream).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    // Not cut off: the end is said within TLS too.
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("{}"), "{answer}");

    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // It may be reset as well; what matters is that nothing of the registry was said.
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP"), "{answer:?}");
    running.abort();
}
