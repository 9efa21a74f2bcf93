//! The dashboard in a real browser: log in, deploy, watch it become ready without a reload, change it.

use std::{
    fs,
    future::Future,
    time::{Duration, Instant},
};

use fantoccini::{Locator, elements::Element, error::CmdError};
use tests::{
    TestCluster,
    browser::{Browser, with_browser},
};

const DASHBOARD: &str = "http://127.0.0.1:8080";
const COMMAND: &str =
    "echo serving; mkdir -p /www; hostname > /www/index.html; exec httpd -f -v -p 8080 -h /www";

#[test]
fn an_app_is_deployed_and_changed_in_the_browser() {
    let cluster = TestCluster::start("dash");
    let password = fs::read_to_string(cluster.data().join("admin-password")).unwrap();
    with_browser(&cluster, |browser| async move {
        browser.resize(1280, 900).await;
        log_in(&browser, password.trim()).await;
        deploy(&browser).await;
        change(&browser).await;
        look_at_hosts(&browser).await;
        look_on_a_phone(&browser).await;
        delete(&browser).await;
    });
}

/// Does something with an element of a page that may be replaced while it is looked at: then it is
/// looked up again.
async fn act<F: Future<Output = Result<(), CmdError>>>(
    browser: &Browser,
    locator: Locator<'_>,
    action: impl Fn(Element) -> F,
) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let done = match browser.client.find(locator).await {
            Ok(element) => action(element).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => return,
            Err(error) if Instant::now() > deadline => {
                browser.picture("failure").await;
                panic!("{locator:?}: {error}");
            }
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

async fn fill(browser: &Browser, name: &str, text: &str) {
    let css = format!("main [name={name}]");
    act(browser, Locator::Css(&css), |field| async move {
        field.clear().await?;
        field.send_keys(text).await
    })
    .await;
}

async fn press(browser: &Browser, label: &str) {
    let path = format!("//main//button[normalize-space()='{label}']");
    click(browser, Locator::XPath(&path)).await;
}

async fn click(browser: &Browser, locator: Locator<'_>) {
    act(browser, locator, |element| async move { element.click().await }).await;
}

/// Waits until the page holds elements that match, without loading it again.
async fn sees(browser: &Browser, css: &str, count: usize, within: Duration) {
    let deadline = Instant::now() + within;
    loop {
        let found = browser.client.find_all(Locator::Css(css)).await.unwrap().len();
        if found == count {
            return;
        }
        if Instant::now() > deadline {
            browser.picture("failure").await;
            panic!("{found} of {count} {css} after {within:?}");
        }
        tokio::task::yield_now().await;
    }
}

async fn says(browser: &Browser, css: &str, text: &str) {
    let path = format!("//*[contains(@class, '{css}')][contains(., '{text}')]");
    let found = browser.client.wait().at_most(Duration::from_secs(30));
    if found.for_element(Locator::XPath(&path)).await.is_err() {
        browser.picture("failure").await;
        panic!("no .{css} says {text:?}");
    }
}

async fn log_in(browser: &Browser, password: &str) {
    browser.client.goto(DASHBOARD).await.unwrap();
    fill(browser, "user", "admin").await;
    fill(browser, "password", "wrong").await;
    browser.picture("login").await;
    press(browser, "Log in").await;
    says(browser, "notice", "do not match").await;
    fill(browser, "password", password).await;
    press(browser, "Log in").await;
    says(browser, "verdict", "All is well").await;
    browser.picture("home-empty").await;
}

async fn deploy(browser: &Browser) {
    browser.client.goto(&format!("{DASHBOARD}/apps/new")).await.unwrap();
    fill(browser, "name", "Shop_1").await;
    fill(browser, "image", "busybox:1").await;
    fill(browser, "command", COMMAND).await;
    fill(browser, "port", "8080").await;
    fill(browser, "replicas", "3").await;
    fill(browser, "environment", "COLOUR=green").await;
    fill(browser, "health_path", "/").await;
    press(browser, "Deploy").await;
    says(browser, "error", "RFC 1123").await;
    browser.picture("deploy-refused").await;
    fill(browser, "name", "shop").await;
    click(browser, Locator::Css("main [name=publish]")).await;
    press(browser, "Deploy").await;
    browser.client.wait().for_element(Locator::Id("part")).await.unwrap();
    sees(browser, "tr[data-ready]", 3, Duration::from_secs(30)).await;
    says(browser, "pill", "Running").await;
    says(browser, "log", "serving").await;
    browser.picture("app").await;
}

async fn change(browser: &Browser) {
    fill(browser, "replicas", "5").await;
    press(browser, "Scale").await;
    says(browser, "notice", "Scaling to 5").await;
    sees(browser, "tr[data-ready]", 5, Duration::from_secs(30)).await;
    fill(browser, "image", "nowhere.invalid/none:1").await;
    press(browser, "Roll out").await;
    says(browser, "notice", "Rolling out nowhere.invalid/none:1").await;
    says(browser, "pill", "Failing").await;
    browser.picture("app-failing").await;
    browser.client.goto(DASHBOARD).await.unwrap();
    says(browser, "verdict", "One thing is wrong").await;
    browser.picture("home-failing").await;
    browser.client.goto(&format!("{DASHBOARD}/apps/default/shop")).await.unwrap();
    press(browser, "Roll back").await;
    says(browser, "notice", "Rolling back to release 1").await;
    says(browser, "pill", "Running").await;
}

async fn look_at_hosts(browser: &Browser) {
    browser.client.goto(&format!("{DASHBOARD}/hosts")).await.unwrap();
    says(browser, "pill", "Ready").await;
    fill(browser, "name", "nowhere").await;
    fill(browser, "docker", "tcp://10.99.0.77:2375").await;
    press(browser, "Add the host").await;
    says(browser, "notice", "Host nowhere is joining").await;
    browser.picture("hosts").await;
    browser.client.goto(DASHBOARD).await.unwrap();
    says(browser, "app", "shop").await;
    browser.picture("home").await;
}

async fn look_on_a_phone(browser: &Browser) {
    browser.resize(390, 844).await;
    for (path, name) in [("", "phone-home"), ("/apps/default/shop", "phone-app")] {
        browser.client.goto(&format!("{DASHBOARD}{path}")).await.unwrap();
        sees(browser, "#part", 1, Duration::from_secs(10)).await;
        browser.picture(name).await;
        let wide = "return document.documentElement.scrollWidth > window.innerWidth + 1";
        let scrolls = browser.client.execute(wide, Vec::new()).await.unwrap();
        assert_eq!(scrolls, false, "{name} needs no sideways scrolling");
    }
    browser.resize(1280, 900).await;
}

async fn delete(browser: &Browser) {
    click(browser, Locator::Css("details.confirm summary.danger")).await;
    press(browser, "Delete shop").await;
    says(browser, "empty", "No apps yet").await;
}
