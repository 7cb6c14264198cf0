//! One request, and what a server answers that is no answer.

use agentic_core::{ModelContext, ModelError, ModelErrorKind as Kind};
use http::header::LOCATION;

use super::origin::Origin;
use super::retry_after::retry_after;
use crate::transport::{Endpoint, Response};

/// Sends a body and gives the answer, once its head says that it is one.
pub(super) async fn send(
    endpoint: &Endpoint,
    body: Vec<u8>,
    origin: &Origin,
    mcx: &ModelContext,
) -> Result<Response, ModelError> {
    let response = endpoint.post(body).await.map_err(|error| origin.transport(error))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    if status.is_redirection() {
        return Err(redirected(&response, origin));
    }
    let retry_after = retry_after(response.headers(), mcx.now());
    let status = status.as_u16();
    let body = error_body(response).await;
    let error = origin.http(status, &body, retry_after);
    tracing::debug!(model = %origin.id, status, kind = ?error.kind(), "the server refused a request");
    Err(error)
}

/// Redirects are not followed: the key would go to whom nobody named.
fn redirected(response: &Response, origin: &Origin) -> ModelError {
    let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
    let message =
        format!("the server redirects to {}; if that is right, make it the base URL", origin.clean(to));
    origin.error(Kind::NotFound, message).with_status(response.status().as_u16())
}

/// As much of an error's body as is worth reading. If it can't be read, the status alone has to do.
async fn error_body(mut response: Response) -> Vec<u8> {
    const ENOUGH: usize = 64 * 1024;
    let mut body = Vec::new();
    while body.len() < ENOUGH
        && let Ok(Some(bytes)) = response.chunk().await
    {
        body.extend_from_slice(&bytes[..bytes.len().min(ENOUGH - body.len())]);
    }
    body
}

/// The whole body of an answer, of at most `limit` bytes.
pub(super) async fn whole(
    mut response: Response,
    limit: usize,
    origin: &Origin,
) -> Result<Vec<u8>, ModelError> {
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.map_err(|error| origin.transport(error))? {
        if body.len() + bytes.len() > limit {
            let message = format!("the answer is longer than {limit} bytes");
            return Err(origin.error(Kind::InvalidResponse, message));
        }
        body.extend_from_slice(&bytes);
    }
    Ok(body)
}
