//! Representation: what a resource shows at one moment, as it is and compressed, each made once and shared by everybody.
//!
//! **Invariant:** each content coding has a strong entity tag of its own (RFC 9110, section 8.8.3), and whoever shows either of
//! them has what there is to have: the two differ in nothing but the coding.

use std::io::Write as _;
use std::sync::OnceLock;

use actix_web::HttpRequest;
use actix_web::http::header::{
    self, AcceptEncoding, ContentEncoding, Encoding, Header as _, HeaderMap, HeaderValue, IF_NONE_MATCH, Preference,
    Quality,
};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// A content coding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Coding {
    /// As it is.
    Identity,
    /// RFC 1952.
    Gzip,
}

impl Coding {
    /// What the client likes best of what there is. Without a word about it, the body as it is.
    pub(crate) fn wanted(request: &HttpRequest) -> Self {
        let Ok(AcceptEncoding(accepted)) = AcceptEncoding::parse(request) else {
            return Self::Identity;
        };
        let quality = |coding| {
            let coding = Preference::Specific(Encoding::Known(coding));
            accepted.iter().find(|accepted| accepted.item == coding).map(|accepted| accepted.quality)
        };
        let gzip = quality(ContentEncoding::Gzip).unwrap_or(Quality::ZERO);
        let identity = quality(ContentEncoding::Identity).unwrap_or(Quality::ZERO);
        if gzip > Quality::ZERO && gzip >= identity { Self::Gzip } else { Self::Identity }
    }

    fn other(self) -> Self {
        match self {
            Self::Identity => Self::Gzip,
            Self::Gzip => Self::Identity,
        }
    }
}

/// A body that was made, in the coding that it has.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) coding: Coding,
    pub(crate) bytes: Bytes,
}

/// See the module's documentation.
pub(crate) struct Representation {
    media_type: &'static str,
    compression: Compression,
    identity_tag: HeaderValue,
    gzip_tag: HeaderValue,
    /// About how long the body is, in bytes, to tell where to make it.
    likely_bytes: usize,
    encode: Box<dyn Fn() -> Bytes + Send + Sync>,
    identity: OnceLock<Bytes>,
    /// What compressing has come to; the body as it is where that is not longer.
    gzip: OnceLock<Body>,
}

impl Representation {
    /// `validator` is what stands in the tag: other content must have another one.
    pub(crate) fn new(
        media_type: &'static str,
        validator: &str,
        likely_bytes: usize,
        encode: impl Fn() -> Bytes + Send + Sync + 'static,
    ) -> Self {
        Self {
            media_type,
            compression: Compression::fast(),
            identity_tag: tag(validator),
            gzip_tag: tag(&format!("{validator}-gzip")),
            likely_bytes,
            encode: Box::new(encode),
            identity: OnceLock::new(),
            gzip: OnceLock::new(),
        }
    }

    /// Compressed as far as it goes, whatever that costs: for what never changes.
    pub(crate) fn compressed_once(self) -> Self {
        Self { compression: Compression::best(), ..self }
    }

    pub(crate) fn media_type(&self) -> HeaderValue {
        HeaderValue::from_static(self.media_type)
    }

    pub(super) fn likely_bytes(&self) -> usize {
        self.likely_bytes
    }

    pub(crate) fn tag(&self, coding: Coding) -> &HeaderValue {
        match coding {
            Coding::Identity => &self.identity_tag,
            Coding::Gzip => &self.gzip_tag,
        }
    }

    /// The tag by which the client has shown that it knows the content, in whichever coding; `*` stands for the coding it wants.
    pub(crate) fn known(&self, headers: &HeaderMap, wanted: Coding) -> Option<&HeaderValue> {
        [self.tag(wanted), self.tag(wanted.other())].into_iter().find(|tag| matches(headers, tag))
    }

    /// The body for a client that wants `coding`, if it was made.
    pub(crate) fn ready(&self, coding: Coding) -> Option<Body> {
        match coding {
            Coding::Identity => self.identity.get().cloned().map(Body::plain),
            Coding::Gzip => self.gzip.get().cloned(),
        }
    }

    /// Makes the body, unless it was made. Of several callers one makes it, the others stand still meanwhile.
    pub(crate) fn make(&self, coding: Coding, made: &dyn Fn(Coding)) -> Body {
        match coding {
            Coding::Identity => Body::plain(self.identity.get_or_init(|| self.encoded(made)).clone()),
            Coding::Gzip => self.gzip.get_or_init(|| self.compressed(made)).clone(),
        }
    }

    /// Bytes of what was made.
    pub(crate) fn bytes(&self) -> usize {
        let identity = self.identity.get().map_or(0, Bytes::len);
        identity + self.gzip.get().filter(|body| body.coding == Coding::Gzip).map_or(0, |body| body.bytes.len())
    }

    fn encoded(&self, made: &dyn Fn(Coding)) -> Bytes {
        made(Coding::Identity);
        (self.encode)()
    }

    /// Nearly all clients take gzip, so a long body is not kept as it is only because it was needed for compressing.
    fn compressed(&self, made: &dyn Fn(Coding)) -> Body {
        let plain = self.identity.get().cloned().unwrap_or_else(|| self.encoded(made));
        made(Coding::Gzip);
        match gzip(&plain, self.compression) {
            Some(bytes) => Body { coding: Coding::Gzip, bytes },
            None => Body::plain(self.identity.get_or_init(|| plain).clone()),
        }
    }
}

impl Body {
    fn plain(bytes: Bytes) -> Self {
        Self { coding: Coding::Identity, bytes }
    }
}

/// `None` if it does not get shorter.
fn gzip(plain: &[u8], compression: Compression) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 8), compression);
    encoder.write_all(plain).ok()?;
    let mut bytes = encoder.finish().ok()?;
    bytes.shrink_to_fit();
    (bytes.len() < plain.len()).then(|| Bytes::from(bytes))
}

/// A strong entity tag. `validator` has letters, digits and hyphens only.
fn tag(validator: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{validator}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"?\""))
}

/// `If-None-Match`, RFC 9110, section 13.1.2: `*` alone, or weak comparison with each entity tag of the list. Several lines are one
/// list. A list that is malformed matches nothing.
pub(crate) fn matches(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let lines: Option<Vec<_>> = headers.get_all(IF_NONE_MATCH).map(|line| line.to_str().ok()).collect();
    let (Some(lines), Ok(etag)) = (lines, etag.to_str()) else {
        return false;
    };
    if let [only] = lines.as_slice()
        && only.trim() == "*"
    {
        return true;
    }
    let tags: Option<Vec<_>> = lines.iter().map(|line| entity_tags(line)).collect();
    tags.is_some_and(|tags| tags.iter().flatten().any(|tag| *tag == etag))
}

/// The entity tags of a list, without their marks of weakness; `None` if it is malformed.
fn entity_tags(mut list: &str) -> Option<Vec<&str>> {
    let mut tags = Vec::new();
    loop {
        list = list.trim_start_matches([' ', '\t', ',']);
        if list.is_empty() {
            return Some(tags);
        }
        let tag = list.strip_prefix("W/").unwrap_or(list);
        let content = tag.strip_prefix('"')?;
        let length = content.find('"')?;
        let (tag, rest) = tag.split_at(length + 2);
        if tag.bytes().any(|byte| byte <= b' ') {
            return None;
        }
        tags.push(tag);
        list = rest.trim_start_matches([' ', '\t']);
        if !list.is_empty() && !list.starts_with(',') {
            return None;
        }
    }
}

/// `Vary` of everything that has a representation, whichever coding was chosen.
pub(crate) const VARY: (header::HeaderName, HeaderValue) = (header::VARY, HeaderValue::from_static("Accept-Encoding"));
/// The same of what operators read with more in it: no cache takes one's answer for the other's.
pub(crate) const VARY_WITH_READER: (header::HeaderName, HeaderValue) =
    (header::VARY, HeaderValue::from_static("Accept-Encoding, Authorization"));

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io::Read as _;

    use actix_web::test::TestRequest;

    use super::*;

    fn long() -> Bytes {
        Bytes::from("seat ".repeat(1_000))
    }

    fn wanted(accept: &[&str]) -> Coding {
        let mut request = TestRequest::default();
        for line in accept {
            request = request.append_header((header::ACCEPT_ENCODING, *line));
        }
        Coding::wanted(&request.to_http_request())
    }

    #[test]
    fn the_coding_is_what_the_client_likes_best() {
        for accept in [&["gzip"][..], &["gzip, deflate, br, zstd"], &["br;q=1, gzip;q=0.2"], &["br", "gzip"], &["GZIP"]]
        {
            assert_eq!(wanted(accept), Coding::Gzip, "{accept:?}");
        }
        for accept in
            [&[][..], &[""], &["br"], &["gzip;q=0"], &["*"], &["gzip;q=0.1, identity"], &["gzip;q=x"], &["*;q=0"]]
        {
            assert_eq!(wanted(accept), Coding::Identity, "{accept:?}");
        }
    }

    #[test]
    fn each_body_is_made_once_and_decompresses_to_the_other() {
        let shown = Representation::new("text/plain", "a-1", 5_000, long);
        let made = RefCell::new(Vec::new());
        let note = |coding| made.borrow_mut().push(coding);
        assert!(shown.ready(Coding::Gzip).is_none());
        let packed = shown.make(Coding::Gzip, &note);
        assert_eq!(shown.bytes(), packed.bytes.len(), "only what was asked for is kept");
        let mut plain = String::new();
        flate2::read::GzDecoder::new(&packed.bytes[..]).read_to_string(&mut plain).unwrap();
        assert_eq!(plain, long());
        for _ in 0..3 {
            assert_eq!(shown.make(Coding::Gzip, &note).bytes.as_ptr(), packed.bytes.as_ptr());
            assert_eq!(shown.make(Coding::Identity, &note).bytes, long());
        }
        assert_eq!(*made.borrow(), [Coding::Identity, Coding::Gzip, Coding::Identity]);
        assert_eq!(shown.bytes(), packed.bytes.len() + long().len());
    }

    #[test]
    fn what_does_not_get_shorter_is_sent_as_it_is() {
        let shown = Representation::new("text/plain", "a-1", 2, || Bytes::from_static(b"ab"));
        let body = shown.make(Coding::Gzip, &|_| ());
        assert_eq!((body.coding, &body.bytes[..], shown.bytes()), (Coding::Identity, &b"ab"[..], 2));
    }

    #[test]
    fn either_tag_shows_that_the_content_is_known() {
        let shown = Representation::new("text/plain", "a-1", 5_000, long);
        let known = |list: &'static str, wanted| {
            let headers = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(list))]);
            shown.known(&headers, wanted).map(|tag| tag.to_str().unwrap().to_owned())
        };
        assert_eq!(known("\"a-1\"", Coding::Gzip).unwrap(), "\"a-1\"");
        assert_eq!(known("\"a-1-gzip\"", Coding::Identity).unwrap(), "\"a-1-gzip\"");
        assert_eq!(known("\"a-1\", W/\"a-1-gzip\"", Coding::Gzip).unwrap(), "\"a-1-gzip\"");
        assert_eq!(known("*", Coding::Gzip).unwrap(), "\"a-1-gzip\"");
        assert_eq!(known("*", Coding::Identity).unwrap(), "\"a-1\"");
        assert_eq!(known("\"a-2\", \"a-1-br\"", Coding::Gzip), None);
    }

    #[test]
    fn if_none_match_compares_weakly_with_every_entry() {
        let etag = HeaderValue::from_static("\"abc-7\"");
        let matches = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(IF_NONE_MATCH, HeaderValue::from_static(line));
            }
            matches(&headers, &etag)
        };
        for lines in [
            &["\"abc-7\""][..],
            &["W/\"abc-7\""],
            &["\"x\", \"abc-7\""],
            &["\"x\",W/\"abc-7\" ,\"y\""],
            &[" , \"abc-7\" ,,"],
            &["\"a,b\",\"abc-7\""],
            &["\"x\"", "\"abc-7\""],
            &["*"],
        ] {
            assert!(matches(lines), "{lines:?}");
        }
        for lines in [
            &["\"abc-8\""][..],
            &["abc-7"],
            &[""],
            &["\"abc-7"],
            &["w/\"abc-7\""],
            &["\"a,*,b\""],
            &["\"x\", *"],
            &["*", "\"x\""],
            &["\"x,\"abc-7\",y\""],
            &["\"x\" \"abc-7\""],
            &["\"abc-7\" x"],
        ] {
            assert!(!matches(lines), "{lines:?}");
        }
    }
}
