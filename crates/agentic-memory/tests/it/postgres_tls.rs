//! Whom encrypted connections to PostgreSQL are made with. The server is one that only gets as far as that.

use std::sync::Arc;

use agentic_core::{EmbedderInfo, StoreErrorKind as Kind};
use agentic_memory::open;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Opens a store with these options at a server for `localhost`. Gives what the server reads of the user then: nothing, if
/// it was not trusted.
async fn read(host: &str, options: &str, key: &CertifiedKey<rcgen::KeyPair>) -> Option<Vec<u8>> {
    let private = PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = config.with_single_cert(vec![key.cert.der().clone()], private).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = [0; 8];
        stream.read_exact(&mut asked).await.unwrap();
        // What asks for encryption.
        assert_eq!(asked, [0, 0, 0, 8, 4, 210, 22, 47]);
        stream.write_all(b"S").await.unwrap();
        let mut stream = TlsAcceptor::from(Arc::new(config)).accept(stream).await.ok()?;
        let mut startup = vec![0; 1_024];
        let length = stream.read(&mut startup).await.ok().filter(|length| *length > 0)?;
        startup.truncate(length);
        Some(startup)
    });
    let url = format!("postgres://anna:s3cret@{host}:{port}/notes?{options}");
    let error = open(&url, Some(&EmbedderInfo::new("test:4", 4))).await.unwrap_err();
    assert!(error.kind == Kind::Unreachable && !format!("{error:?}").contains("s3cret"), "{error}");
    serving.await.unwrap()
}

#[tokio::test]
async fn only_who_is_trusted_hears_who_asks() {
    let [ours, other] = [0, 1].map(|_| generate_simple_self_signed(["localhost".to_owned()]).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, ours.cert.pem()).unwrap();
    let rooted = format!("sslrootcert={}&sslmode=verify-full", file.display());
    let named = |read: Option<Vec<u8>>| read.is_some_and(|bytes| bytes.windows(4).any(|it| it == b"anna"));
    assert!(named(read("localhost", &rooted, &ours).await), "whom the file trusts");
    assert!(named(read("localhost", "sslmode=require", &other).await), "whoever answers");
    assert!(named(read("localhost", "", &other).await), "encrypted wherever it can be");
    assert_eq!(read("localhost", &rooted, &other).await, None, "another one's certificate");
    assert_eq!(read("127.0.0.1", &rooted, &ours).await, None, "another name");
    assert_eq!(read("localhost", "sslmode=verify-full", &ours).await, None, "whom the system does not know");
}
