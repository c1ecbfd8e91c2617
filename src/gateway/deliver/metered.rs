//! A connection that ends when the peer sends too much without being asked. Knows no HTTP and no
//! TLS.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Maximum bytes that are read after the last byte that was written: the head of a response, the
/// part of its body that is read, and TLS. Informational responses (RFC 9110, section 15.2) count
/// too; a receiver may send any number of them.
const MAX_BYTES: usize = 256 << 10;

/// A connection with a count of the bytes that were read.
#[derive(Debug)]
pub(super) struct MeteredConnection<S> {
    stream: S,
    read: usize,
}

impl<S> MeteredConnection<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, read: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for MeteredConnection<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.read > MAX_BYTES {
            let error = format!("the receiver sent more than {} KiB", MAX_BYTES >> 10);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        this.read = this.read.saturating_add(buffer.filled().len().saturating_sub(before));
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for MeteredConnection<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.read = 0;
        Pin::new(&mut this.stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::{MAX_BYTES, MeteredConnection};

    #[tokio::test]
    async fn a_receiver_is_limited_in_bytes_after_each_write() {
        let (ours, mut theirs) = tokio::io::duplex(2 * MAX_BYTES);
        let mut ours = MeteredConnection::new(ours);
        let mut read = vec![0; MAX_BYTES];
        for _ in 0..3 {
            ours.write_all(b"request").await.unwrap();
            theirs.write_all(&read).await.unwrap();
            ours.read_exact(&mut read).await.unwrap();
        }
        theirs.write_all(&[0; 2]).await.unwrap();
        ours.read_exact(&mut read[..1]).await.unwrap();
        let error = ours.read_exact(&mut read[..1]).await.unwrap_err();
        assert_eq!(error.to_string(), "the receiver sent more than 256 KiB");
    }
}
