//! Serves one connection.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use tokio::time::sleep;

use super::panics;
use super::patience::{PatientStream, Progress};
use super::quiet::Quiet;
use super::{Handler, Limits, ReplyBody, RequestBody};
use crate::apart::Apart;
use crate::shutdown::Shutdown;
use crate::transport::Stream;

/// Bytes that one read may bring: large enough that a tensor of a megabyte takes a handful of reads.
const READ_SIZE: usize = 256 << 10;

/// Serves one connection until either side ends it.
pub(super) async fn serve<H: Handler>(stream: Stream, handler: Arc<H>, limits: Limits, shutdown: Shutdown) {
    let progress = Arc::new(Progress::new());
    let io = TokioIo::new(PatientStream::new(stream, Arc::clone(&progress)));
    let max_header_size = limits.max_header_size;
    let service = service_fn(|request| answer(&*handler, request, &progress, max_header_size));
    let connection = pin!(
        http1::Builder::new()
            .header_read_timeout(None)
            .max_buf_size(max_header_size.max(READ_SIZE))
            .serve_connection(io, service)
    );
    let mut connection = Quiet::new(connection);
    let mut stopping = Apart::new(shutdown.wait_and_look());
    let mut is_stopping = false;
    let mut stalling = Apart::new(stall(&progress, limits.patience));
    loop {
        tokio::select! {
            biased;
            // A connection that fails has nobody left to tell.
            _ = &mut connection => return,
            () = &mut stopping, if !is_stopping => {
                is_stopping = true;
                connection.inner().as_mut().graceful_shutdown();
            }
            () = &mut stalling => return,
        }
    }
}

/// Waits until the peer has stalled.
async fn stall(progress: &Progress, patience: Duration) {
    loop {
        let seen = progress.mark();
        sleep(patience).await;
        if progress.has_stalled_since(seen) {
            return;
        }
    }
}

async fn answer<H: Handler>(
    handler: &H,
    request: Request<Incoming>,
    progress: &Arc<Progress>,
    max_header_size: usize,
) -> Result<Response<ReplyBody>, Infallible> {
    progress.header_is_complete();
    let is_refused = header_size(&request) > max_header_size;
    // Older clients know nothing of interim responses.
    let may_be_probed = request.version() == Version::HTTP_11;
    let request = request.map(|content| RequestBody::new(content, progress, may_be_probed));
    let mut response = if is_refused {
        refuse(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "the request's header is over the limit")
    } else {
        panics::catch(pin!(handler.handle(request))).await.unwrap_or_else(|| {
            refuse(StatusCode::INTERNAL_SERVER_ERROR, "the server failed while answering this request")
        })
    };
    progress.is_answered();
    if progress.is_half_closed() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

fn header_size(request: &Request<Incoming>) -> usize {
    let path = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    path + fields_size(request.headers())
}

fn fields_size(headers: &HeaderMap) -> usize {
    // ": " and the line's end.
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

fn refuse(status: StatusCode, message: &str) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::from(format!("{{\"error\":\"{message}\"}}").into_bytes()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
