//! Pages and their files, served from the binary with a content security policy that lets nothing else in.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::http::caching::representation::{Coding, Representation, VARY};
use crate::http::paths::{
    ASSET, DESIGNER, DOCS, EMBED, EMBED_SCRIPT, OPERATOR, PAGE, PROBLEM, PROBLEMS, SHOWTIME_PAGE,
};
use crate::http::problem::{Code, Problem};
use crate::http::route::Route;
use crate::web::lean::lean;
use crate::web::{self, ASSETS, Asset, HTML};

/// Scripts, styles, requests and sockets of this server only; no inline script, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// All files by their paths. Each is compressed once, when it is first asked for.
static FILES: LazyLock<BTreeMap<&'static str, Representation>> = LazyLock::new(|| {
    let pages = [
        (PAGE, web::SHOP_PAGE),
        (SHOWTIME_PAGE, web::SHOWTIME_PAGE),
        (OPERATOR, web::OPERATOR_PAGE),
        (DESIGNER, web::DESIGNER_PAGE),
        (DOCS, web::DOCS_PAGE),
        (EMBED, web::EMBED_PAGE),
    ];
    let pages = pages.map(|(path, content)| (path, represented(HTML, content.to_owned()).compressed_once()));
    let files = ASSETS.iter().map(|asset| (asset.name, of_asset(asset)));
    pages.into_iter().chain(files).chain([(EMBED_SCRIPT, of_asset(&web::EMBED_SCRIPT))]).collect()
});

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::page(PAGE, |request: HttpRequest| async move { file(&request, PAGE) }),
        Route::page(SHOWTIME_PAGE, |request: HttpRequest| async move { file(&request, SHOWTIME_PAGE) }),
        Route::page(OPERATOR, |request: HttpRequest| async move { file(&request, OPERATOR) }),
        Route::page(DESIGNER, |request: HttpRequest| async move { file(&request, DESIGNER) }),
        Route::page(DOCS, |request: HttpRequest| async move { file(&request, DOCS) }),
        Route::page(EMBED, |request: HttpRequest| async move { file(&request, EMBED) }),
        Route::page(EMBED_SCRIPT, |request: HttpRequest| async move { file(&request, EMBED_SCRIPT) }),
        Route::page(ASSET, asset),
        Route::page(PROBLEMS, problems),
        Route::page(PROBLEM, problem),
    ]
}

/// `GET /assets/{path}`
async fn asset(request: HttpRequest) -> Result<HttpResponse, Problem> {
    file(&request, request.match_info().get("path").unwrap_or_default())
}

/// A page by its path, or one of the files that pages load by its own.
fn file(request: &HttpRequest, name: &str) -> Result<HttpResponse, Problem> {
    let found = FILES.get(name);
    let found = found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such file"))?;
    Ok(serve(request, found))
}

/// `GET /problems`: what the codes mean.
async fn problems(request: HttpRequest) -> HttpResponse {
    serve(&request, &represented(HTML, problem_page(Code::ALL)))
}

/// `GET /problems/{code}`: where `type` of a problem points to.
async fn problem(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let word = request.match_info().get("code").unwrap_or_default();
    let found = Code::ALL.iter().find(|code| code.as_str() == word);
    let code = found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such problem code"))?;
    Ok(serve(&request, &represented(HTML, problem_page(&[*code]))))
}

fn problem_page(codes: &[Code]) -> String {
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Problems · Turnstile</title>\
         <link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"/assets/style.css\"><link rel=\"stylesheet\" href=\"/assets/docs/docs.css\"><main class=\"text\"><h1>Problems</h1>\
         <p><a href=\"/problems\">All codes</a> · <a href=\"/docs\">API</a></p><dl class=\"problems\">",
    );
    for code in codes {
        let (word, status, title, meaning) =
            (code.as_str(), code.status().as_u16(), code.title(), escaped(code.meaning()));
        let line = format_args!(
            "<dt id=\"{word}\"><code>{word}</code> <span class=\"status\">{status}</span> {title}</dt><dd>{meaning}</dd>"
        );
        // Writing to a String cannot fail.
        if html.write_fmt(line).is_err() {
            break;
        }
    }
    html.push_str("</dl></main></html>");
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn of_asset(asset: &Asset) -> Representation {
    represented(asset.media_type, lean(asset.content)).compressed_once()
}

/// The content under a tag of its own: a page of another version is another one.
fn represented(media_type: &'static str, content: String) -> Representation {
    let digest: [u8; 32] = Sha256::digest(&content).into();
    let mut validator = String::new();
    for byte in digest.iter().take(8) {
        // Writing to a String cannot fail.
        if write!(validator, "{byte:02x}").is_err() {
            break;
        }
    }
    let content = Bytes::from(content);
    Representation::new(media_type, &validator, content.len(), move || content.clone())
}

fn serve(request: &HttpRequest, shown: &Representation) -> HttpResponse {
    let wanted = Coding::wanted(request);
    let known = shown.known(request.headers(), wanted);
    let mut response = if known.is_some() { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header(VARY)
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header(("cross-origin-opener-policy", "same-origin"));
    if let Some(tag) = known {
        return response.insert_header((header::ETAG, tag.clone())).finish();
    }
    let body = shown.make(wanted, &|_coding| ());
    if body.coding == Coding::Gzip {
        response.insert_header((header::CONTENT_ENCODING, HeaderValue::from_static("gzip")));
    }
    response
        .insert_header((header::ETAG, shown.tag(body.coding).clone()))
        .insert_header((header::CONTENT_TYPE, shown.media_type()))
        .body(body.bytes)
}
