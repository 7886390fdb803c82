//! One attempt by webhook, as Standard Webhooks has it (https://www.standardwebhooks.com): signed, no redirects, the status decides.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::Full;
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use kernel::Instant;
use sha2::Sha256;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tokio_util::task::AbortOnDropHandle;

use super::Target;
use super::destination::{Allowed, BadUrl};

/// How long a receiver may take, from looking up its name to its status.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most bytes of its status line and headers. Its body is not read.
const MOST_HEAD: usize = 16 << 10;
/// What a secret begins with.
const PREFIX: &str = "whsec_";

/// It was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Undelivered {
    /// To be tried again; why, as a code.
    Failed(String),
    /// 410: it wants no more.
    Gone,
}

impl Undelivered {
    pub(crate) fn failed(why: &str) -> Self {
        Self::Failed(why.to_owned())
    }
}

/// Sends.
#[derive(Clone)]
pub(crate) struct Webhooks {
    allowed: Allowed,
    tls: TlsConnector,
}

impl Webhooks {
    /// Trusts the machine's certificate authorities, and those of a PEM file.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn new(allowed: Allowed, ca: Option<&Path>) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = ca {
            for certificate in
                CertificateDer::pem_file_iter(path).with_context(|| path.display().to_string())?
            {
                roots.add(certificate.with_context(|| path.display().to_string())?)?;
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            allowed,
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    /// Whether we would send to a URL.
    pub(crate) fn check(&self, url: &str) -> Result<(), BadUrl> {
        self.allowed.read(url).map(drop)
    }

    /// Sends once.
    pub(crate) async fn send(
        &self,
        target: &Target,
        id: &str,
        body: Vec<u8>,
        now: Instant,
    ) -> Result<(), Undelivered> {
        match tokio::time::timeout(PATIENCE, self.exchange(target, id, body, now)).await {
            Ok(answered) => answered,
            Err(_) => Err(Undelivered::failed("timeout")),
        }
    }

    async fn exchange(
        &self,
        target: &Target,
        id: &str,
        body: Vec<u8>,
        now: Instant,
    ) -> Result<(), Undelivered> {
        let destination = self.allowed.read(&target.outlet.address);
        let destination = destination.map_err(|_| Undelivered::failed("forbidden_address"))?;
        let timestamp = now.0.div_euclid(Instant::SECOND);
        let signatures: Vec<_> = target
            .secrets(now)
            .filter_map(|secret| sign(secret, id, timestamp, &body))
            .collect();
        let url = &destination.url;
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let request = Request::post(&url[url::Position::BeforePath..url::Position::AfterQuery])
            .header(HOST, authority)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, "hoi-am")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signatures.join(" "))
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| Undelivered::failed("bad_url"))?;
        let stream = self.allowed.connect(&destination, &self.tls).await?;
        let no_http = |_| Undelivered::failed("no_http");
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MOST_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(no_http)?;
        // Dropped with this attempt, and what the receiver still says with it.
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let status = sender.send_request(request).await.map_err(no_http)?.status();
        match status.as_u16() {
            200..=299 => Ok(()),
            300..=399 => Err(Undelivered::failed("redirected")),
            410 => Err(Undelivered::Gone),
            other => Err(Undelivered::Failed(format!("status_{other}"))),
        }
    }
}

/// A new secret: `whsec_` and 32 random bytes.
pub(crate) fn new_secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{PREFIX}{}", STANDARD.encode(bytes)))
}

/// `v1,<base64 of HMAC-SHA256 over id.timestamp.body>`; nothing if the secret is none of ours.
fn sign(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
    let key = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_specifications_own_example() {
        // https://github.com/standard-webhooks/standard-webhooks, libraries/python/tests/test_webhooks.py
        let signed = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(
            signed.as_deref(),
            Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        );
        let (one, other) = (new_secret().unwrap(), new_secret().unwrap());
        assert_ne!(one, other);
        assert!(sign(&one, "id", 1, b"").is_some() && sign("no secret", "id", 1, b"").is_none());
    }
}
