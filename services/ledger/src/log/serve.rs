//! The log over HTTP: static files, for anybody. No token is asked, because nothing personal stands in them: a leaf holds ids, times,
//! types and salted hashes.

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::store::TileStore;
use super::tile::Tile;

/// A file that never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// The checkpoint moves each second.
const BRIEFLY: &str = "public, max-age=1";

/// `GET /log/checkpoint` and `GET /log/tile/…`.
pub(crate) fn router(tiles: TileStore) -> Router {
    Router::new().route(
        "/log/{*path}",
        get(move |Path(path): Path<String>| {
            let tiles = tiles.clone();
            async move { answer(&tiles, &path).await }
        }),
    )
}

async fn answer(tiles: &TileStore, path: &str) -> Response {
    let (kind, cache) = match path {
        "checkpoint" => ("text/plain; charset=utf-8", BRIEFLY),
        // Only what is a tile's very path is looked for: no request names another file.
        path if Tile::parse(path).is_some() => ("application/octet-stream", FOR_EVER),
        _ => return (StatusCode::NOT_FOUND, "no file of the log has this name\n").into_response(),
    };
    match tokio::fs::read(tiles.path(path)).await {
        Ok(bytes) => (
            [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache)],
            bytes,
        )
            .into_response(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (
            StatusCode::NOT_FOUND,
            "not there (yet, or any more: ask for the full tile)\n",
        )
            .into_response(),
        Err(error) => {
            tracing::error!(
                path,
                error = %chassis::telemetry::chain(&error),
                "a file of the log cannot be read"
            );
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
