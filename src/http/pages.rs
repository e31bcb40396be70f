//! Pages and their files, served from the binary with a content security policy that lets nothing else in.

use std::fmt::Write as _;

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use sha2::{Digest, Sha256};

use crate::http::caching::representation::matches;
use crate::http::paths::{ASSET, DOCS, PAGE, PROBLEM, PROBLEMS};
use crate::http::problem::{Code, Problem};
use crate::http::route::Route;
use crate::web::{ASSETS, DOCS_PAGE, SEAT_MAP_PAGE};

/// Scripts, styles, requests and sockets of this server only; no inline script, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HTML: &str = "text/html; charset=utf-8";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::page(PAGE, page),
        Route::page(DOCS, docs),
        Route::page(ASSET, asset),
        Route::page(PROBLEMS, problems),
        Route::page(PROBLEM, problem),
    ]
}

/// `GET /`
async fn page(request: HttpRequest) -> HttpResponse {
    serve(&request, HTML, SEAT_MAP_PAGE.to_owned())
}

/// `GET /docs`
async fn docs(request: HttpRequest) -> HttpResponse {
    serve(&request, HTML, DOCS_PAGE.to_owned())
}

/// `GET /assets/{file}`
async fn asset(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let name = request.match_info().get("file").unwrap_or_default();
    let found = ASSETS.iter().find(|asset| asset.name == name);
    let asset = found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such file"))?;
    Ok(serve(&request, asset.media_type, asset.content.to_owned()))
}

/// `GET /problems`: what the codes mean.
async fn problems(request: HttpRequest) -> HttpResponse {
    serve(&request, HTML, problem_page(Code::ALL))
}

/// `GET /problems/{code}`: where `type` of a problem points to.
async fn problem(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let word = request.match_info().get("code").unwrap_or_default();
    let found = Code::ALL.iter().find(|code| code.as_str() == word);
    let code = found.ok_or_else(|| Problem::new(Code::NotFound, "there is no such problem code"))?;
    Ok(serve(&request, HTML, problem_page(&[*code])))
}

fn problem_page(codes: &[Code]) -> String {
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Problems · Turnstile</title>\
         <link rel=\"stylesheet\" href=\"/assets/style.css\"><main class=\"text\"><h1>Problems</h1>\
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

fn serve(request: &HttpRequest, media_type: &'static str, content: String) -> HttpResponse {
    let etag = etag(&content);
    let known = matches(request.headers(), &etag);
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((header::ETAG, etag))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header(("cross-origin-opener-policy", "same-origin"));
    if known { response.finish() } else { response.content_type(media_type).body(content) }
}

fn etag(content: &str) -> HeaderValue {
    let digest: [u8; 32] = Sha256::digest(content).into();
    let mut text = String::from("\"");
    for byte in digest.iter().take(8) {
        if write!(text, "{byte:02x}").is_err() {
            break;
        }
    }
    text.push('"');
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("\"?\""))
}
