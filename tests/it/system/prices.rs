//! Amounts as people type them: what may mean two prices is none.

use crate::stack::Stack;
use crate::system::browser::Browser;
use crate::system::{designer_page, operator_page};

/// The words beside a field that is wrong.
async fn said(browser: &Browser, field: &str) -> String {
    let said = browser.script(&format!("return document.querySelector('{field}').validationMessage")).await;
    said.as_str().unwrap().to_owned()
}

/// `1,200` is refused with words on the board, and nothing is sent; once it is mended, it is saved.
#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_may_mean_two_is_refused_with_words_on_the_board() {
    let (_stack, server, showtime, browser) = operator_page::board().await;
    browser.click("#tab-terms").await;
    let amount = "#zones fieldset:nth-child(1) [name=amount]";
    for wrong in ["1,200", "12.345", "€12", "-3"] {
        browser.write(amount, wrong).await;
        browser.click("#terms-save").await;
        browser
            .until(&format!("{wrong} is refused"), &format!("document.querySelector('{amount}').validationMessage"))
            .await;
        assert!(said(&browser, amount).await.contains("without a sign for thousands"), "{wrong}");
    }
    assert_eq!(server.get(&format!("/api/showtimes/{showtime}")).await.body["sequence"], 1, "nothing was sent");
    browser.write(amount, "1200,50").await;
    browser.click("#terms-save").await;
    browser.says("message", "Saved.").await;
    let shown = server.get(&format!("/api/showtimes/{showtime}?minSequence=2")).await;
    assert_eq!(shown.body["prices"]["zones"][0]["tariffs"][0]["amount"], 120_050);
}

/// The same where the designer opens a sale: a comma that was typed is never dropped.
#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_may_mean_two_is_refused_with_words_in_the_designer() {
    let stack = Stack::embedded();
    let server = stack.start();
    let browser = Browser::open().await;
    designer_page::design(&browser, &server, "").await;
    designer_page::add_rows(&browser, &[("rows", "2"), ("seats", "6")]).await;
    browser.click("#sell").await;
    browser.write("#sale-form [name=movieTitle]", "Faust").await;
    browser.script("document.getElementById('sale-form').elements.startTime.value = '2030-01-02T19:30'").await;
    let amount = "#prices [name=full]";
    browser.write(amount, "1,200").await;
    browser.click("#sale-form button.main").await;
    browser.until("it is refused", &format!("document.querySelector('{amount}').validationMessage")).await;
    assert!(said(&browser, amount).await.contains("without a sign for thousands"));
    browser.write(amount, "12,00").await;
    browser.click("#sale-form button.main").await;
    browser.says("sale-done", "The sale of Faust is open").await;
    let link = browser.script("return document.querySelector('#sale-done a').pathname").await;
    let showtime = link.as_str().unwrap().trim_start_matches("/showtimes/");
    let sold = server.get(&format!("/api/showtimes/{showtime}?minSequence=1")).await;
    assert_eq!(sold.body["prices"]["zones"][0]["tariffs"][0]["amount"], 1200, "{sold:?}");
}
