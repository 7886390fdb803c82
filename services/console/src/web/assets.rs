//! Static files, embedded in the binary and named in pages with their hash, so that a browser keeps them for ever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! assets {
    ($($name:literal => $kind:literal),+ $(,)?) => {
        &[$(Asset { name: $name, kind: $kind, bytes: include_bytes!(concat!("../../static/", $name)) }),+]
    };
}

const ASSETS: &[Asset] = assets!(
    "app.css" => "text/css; charset=utf-8",
    "app.js" => "text/javascript; charset=utf-8",
    "logo.svg" => "image/svg+xml",
    "htmx-2.0.11.min.js" => "text/javascript; charset=utf-8",
    "htmx-ext-sse-2.2.4.min.js" => "text/javascript; charset=utf-8",
    "fonts/be-vietnam-pro-latin-400-normal.woff2" => "font/woff2",
    "fonts/be-vietnam-pro-latin-600-normal.woff2" => "font/woff2",
    "fonts/be-vietnam-pro-vietnamese-400-normal.woff2" => "font/woff2",
    "fonts/be-vietnam-pro-vietnamese-600-normal.woff2" => "font/woff2",
);

/// One hash over all files: the style sheet names its fonts by itself, so they change together.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for asset in ASSETS {
        hash.update(asset.bytes);
    }
    hex::encode(&hash.finalize()[..6])
});

/// The address of a file, with the version in its path: `/static/<version>/app.css`.
pub(super) fn address(name: &str) -> String {
    format!("/static/{}/{name}", *VERSION)
}

/// Serves a file. The version in the path is for the browser's cache only.
pub(super) async fn file(Path(path): Path<String>) -> Response {
    let name = path.split_once('/').map_or("", |(_, name)| name);
    match ASSETS.iter().find(|a| a.name == name) {
        Some(asset) => (
            [
                (CONTENT_TYPE, asset.kind),
                (CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ],
            asset.bytes,
        )
            .into_response(),
        None => (StatusCode::NOT_FOUND, "no such file\n").into_response(),
    }
}
