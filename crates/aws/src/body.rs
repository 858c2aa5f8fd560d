//! The body of a response, read into memory with a limit.

use std::error::Error as StdError;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Body;

type BoxError = Box<dyn StdError + Send + Sync>;

/// The reasons why a body could not be read.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// The body is larger than its limit.
    TooLarge,
    /// The connection broke, or the body is not valid HTTP.
    Broken(BoxError),
}

/// Reads a body of at most `limit` bytes. `declared` is the length that its headers state.
///
/// Frames are copied into one buffer, because a body may come in frames of one byte each, and every
/// frame keeps the buffer of its connection in memory. A body of a single frame is not copied.
pub(crate) async fn read_body<B>(
    mut body: B,
    declared: Option<usize>,
    limit: usize,
) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    if declared.is_some_and(|length| length > limit) {
        return Err(BodyError::TooLarge);
    }

    let mut content = Content::Empty;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| BodyError::Broken(error.into()))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };

        if data.len() > limit - content.len() {
            return Err(BodyError::TooLarge);
        }
        content = content.with(data, declared);
    }
    Ok(content.into_bytes())
}

/// The part of a body that has been read.
enum Content {
    Empty,
    Single(Bytes),
    Joined(Vec<u8>),
}

impl Content {
    const fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Single(data) => data.len(),
            Self::Joined(data) => data.len(),
        }
    }

    fn with(self, data: Bytes, declared: Option<usize>) -> Self {
        match self {
            Self::Empty => Self::Single(data),
            Self::Single(first) => {
                let length = first.len() + data.len();
                let mut joined = Vec::with_capacity(declared.unwrap_or_default().max(length));
                joined.extend_from_slice(&first);
                joined.extend_from_slice(&data);
                Self::Joined(joined)
            }
            Self::Joined(mut joined) => {
                joined.extend_from_slice(&data);
                Self::Joined(joined)
            }
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Empty => Bytes::new(),
            Self::Single(data) => data,
            Self::Joined(data) => data.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use hyper::body::Frame;

    use super::*;

    /// A body of these frames.
    struct Frames(VecDeque<Bytes>);

    impl Body for Frames {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|data| Ok(Frame::data(data))))
        }
    }

    async fn read(frames: &[&'static str], declared: Option<usize>) -> Option<Bytes> {
        let frames = frames
            .iter()
            .map(|text| Bytes::from_static(text.as_bytes()));
        read_body(Frames(frames.collect()), declared, 5).await.ok()
    }

    #[tokio::test]
    async fn frames_are_joined_in_order() {
        for frames in [
            &["abcde"][..],
            &["ab", "", "cde"],
            &["a", "b", "c", "d", "e"],
        ] {
            for declared in [None, Some(5), Some(1)] {
                assert_eq!(read(frames, declared).await.unwrap(), "abcde");
            }
        }
        assert_eq!(read(&[], None).await.unwrap(), "");
    }

    #[tokio::test]
    async fn larger_bodies_are_refused() {
        assert_eq!(read(&["abcdef"], None).await, None);
        assert_eq!(read(&["abc", "def"], None).await, None);
        assert_eq!(read(&["a", "b", "c", "d", "e", "f"], Some(5)).await, None);
        assert_eq!(read(&["a"], Some(6)).await, None);
    }

    #[tokio::test]
    async fn body_of_one_frame_is_not_copied() {
        let frame = Bytes::from_static(b"abcde");
        let frames = Frames(VecDeque::from([frame.clone()]));

        let body = read_body(frames, Some(5), 5).await.unwrap();
        assert_eq!(body.as_ptr(), frame.as_ptr());
    }
}
