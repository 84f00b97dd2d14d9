//! What lands in the console, as far as a page can tell: for engines whose driver does not.

/// Listens from now on: uncaught errors, what failed to load, refused by the policy, `console.error` and
/// `console.warn`.
pub(super) const LISTEN: &str = "\
if (window.heardInConsole) return;
const heard = window.heardInConsole = [];
addEventListener('error', event => heard.push(event.message || 'not loaded: ' + event.target.outerHTML), true);
addEventListener('unhandledrejection', event => heard.push('rejected: ' + event.reason));
addEventListener('securitypolicyviolation', event =>
    heard.push('refused: ' + event.violatedDirective + ' ' + event.blockedURI));
for (const level of ['error', 'warn']) {
    const own = console[level];
    console[level] = (...words) => { heard.push(words.join(' ')); own.apply(console, words); };
}";

/// What was heard since the last call.
pub(super) const HEARD: &str = "return window.heardInConsole?.splice(0) ?? []";
