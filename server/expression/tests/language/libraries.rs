use std::sync::{Arc, Mutex};

use expression::{Authorizer, Decision, Environment, Program, Question, Type, Value, Variables};

use super::{fails, holds};

#[test]
fn strings() {
    for source in [
        "'tacocat'.charAt(4) == 'c' && 'tacocat'.charAt(7) == ''",
        "'hello mellow'.indexOf('ello') == 1 && 'hello mellow'.indexOf('ello', 2) == 7",
        "'hello mellow'.lastIndexOf('ello') == 7 && 'hello mellow'.lastIndexOf('ello', 6) == 1",
        "'hello'.indexOf('jello') == -1 && ''.indexOf('') == 0",
        "['hello', 'mellow'].join() == 'hellomellow' && ['a', 'b'].join(', ') == 'a, b'",
        "'TacoCat'.lowerAscii() == 'tacocat' && 'TacoCÆt'.upperAscii() == 'TACOCÆT'",
        "'hello hello'.replace('he', 'we') == 'wello wello' && 'aaa'.replace('a', 'b', 2) == 'bba'",
        "'hello hello'.split(' ') == ['hello', 'hello'] && 'a,b,c'.split(',', 2) == ['a', 'b,c']",
        "'abc'.split('') == ['a', 'b', 'c'] && 'a,b'.split(',', 0) == []",
        "'tacocat'.substring(4) == 'cat' && 'tacocat'.substring(0, 4) == 'taco'",
        "'  \ttrim\\n '.trim() == 'trim' && 'gums'.reverse() == 'smug'",
        r#"strings.quote('a"b\n') == '"a\\"b\\n"'"#,
        "'%s has %d, %.2f, %x, %b, %e, %%'.format(['a', 3, 1.5, 255, 5, 1234.5]) == 'a has 3, 1.50, ff, 101, 1.234500e+03, %'",
        "'%s %s'.format([{'a': [1, 2]}, null]) == '{a: [1, 2]} null'",
        "'abc123'.matches('^[a-z]+[0-9]+$') && matches('a', 'A|a')",
        "'abc 123'.find('[0-9]+') == '123' && '12 34'.findAll('[0-9]+') == ['12', '34']",
        "'1 2 3'.findAll('[0-9]', 2) == ['1', '2'] && 'a'.find('b') == ''",
        "base64.encode(b'hi') == 'aGk=' && base64.decode('aGk=') == b'hi'",
    ] {
        holds(source);
    }
    fails("'abc'.charAt(9) == ''", "index out of range: 9");
    fails("'%d'.format(['a']) == ''", "error during formatting: %d cannot be applied to string");
}

#[test]
fn lists_and_sets() {
    for source in [
        "[1, 2, 2].isSorted() && !['b', 'a'].isSorted() && [].isSorted()",
        "[1, 3].sum() == 4 && [1.0, 3.0].sum() == 4.0 && [].sum() == 0",
        "[duration('1m'), duration('1s')].sum() == duration('61s')",
        "[3, 1, 2].min() == 1 && ['a', 'c', 'b'].max() == 'c'",
        "[1, 2, 2, 3].indexOf(2) == 1 && ['a', 'b', 'b'].lastIndexOf('b') == 2",
        "[1].indexOf(2) == -1",
        "sets.contains([1, 2, 3], [2, 3]) && !sets.contains([1], [2])",
        "sets.equivalent([1, 1], [1]) && sets.intersects([1, 2], [2, 3])",
    ] {
        holds(source);
    }
    fails("object.list.filter(x, x > 5).min() == 1", "min called on empty list");
}

#[test]
fn urls_addresses_quantities_versions_formats() {
    for source in [
        "url('https://user:p@example.com:80/path?k=a&k=b&q=c+d#f').getHost() == 'example.com:80'",
        "url('https://example.com:80/').getHostname() == 'example.com'",
        "url('https://[::1]:80/').getHostname() == '::1' && url('https://[::1]:80/').getPort() == '80'",
        "url('/path').getHost() == '' && url('/path').getScheme() == ''",
        "url('https://a/p q/').getEscapedPath() == '/p%20q/'",
        "url('https://a/?k=a&k=b&q=c+d').getQuery() == {'k': ['a', 'b'], 'q': ['c d']}",
        "isURL('https://a') && isURL('/a') && !isURL('https://a:b:c/') && !isURL('../a')",
        "ip('127.0.0.1').isLoopback() && ip('::1').family() == 6 && ip('10.0.0.1').isGlobalUnicast()",
        "isIP('1.2.3.4') && !isIP('1.2.3.256') && !isIP('::ffff:1.2.3.4') && !isIP('fe80::1%eth0')",
        "!isIP('01.2.3.4') && ip.isCanonical('::1') && !ip.isCanonical('2001:DB8::1')",
        "ip('224.0.0.1').isLinkLocalMulticast() && ip('fe80::1').isLinkLocalUnicast()",
        "ip('0.0.0.0').isUnspecified() && string(ip('::1')) == '::1'",
        "cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsIP(ip('11.0.0.1'))",
        "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.1.0.0/16').containsCIDR(cidr('10.0.0.0/8'))",
        "cidr('10.0.0.1/8').masked() == cidr('10.0.0.0/8') && cidr('::1/128').prefixLength() == 128",
        "cidr('10.0.0.1/8').ip() == ip('10.0.0.1') && isCIDR('10.0.0.0/8') && !isCIDR('10.0.0.0/33')",
        "quantity('1.5Gi').isLessThan(quantity('2G')) && quantity('200M').compareTo(quantity('0.2G')) == 0",
        "quantity('50k').add(20).sub(quantity('100k')).sub(-50000) == quantity('20')",
        "quantity('50k').asInteger() == 50000 && !quantity('100m').isInteger() && sign(quantity('-1')) == -1",
        "isQuantity('1.3Gi') && !isQuantity('200K') && quantity('1500m').asApproximateFloat() == 1.5",
        "semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.2.3').minor() == 2",
        "semver('v01.2', true).compareTo(semver('1.2.0')) == 0 && !isSemver('v1.0') && isSemver('v1.0', true)",
        "!format.dns1123Label().validate('my-name').hasValue()",
        "format.dns1123Label().validate('My_Name').value().size() == 1",
        "format.named('dns1035Label').value().validate('1a').hasValue() && !format.named('x').hasValue()",
        "!format.dns1123LabelPrefix().validate('my-').hasValue() && format.uuid().validate('x').value()[0] == 'does not match the UUID format'",
        "timestamp('2024-02-29T12:30:00Z').getMonth() == 1 && timestamp('2024-02-29T12:30:00Z').getDayOfWeek() == 4",
        "timestamp('2024-02-29T23:30:00Z').getHours('+02:00') == 1 && duration('90m').getHours() == 1",
    ] {
        holds(source);
    }
    fails(
        "quantity('x') == quantity('1')",
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
}

struct Recorder(Mutex<Vec<Question>>);

impl Authorizer for Recorder {
    fn check(&self, question: &Question) -> Decision {
        self.0.lock().expect("no test panics while it holds this").push(question.clone());
        Decision { allowed: question.verb == "get", reason: "because".to_owned(), error: None }
    }
}

#[test]
fn the_authorizer_is_asked() {
    let recorder = Arc::new(Recorder(Mutex::default()));
    let environment = Environment::new().with("authorizer", Type::AUTHORIZER);
    let mut variables = Variables::new();
    variables.set("authorizer", Value::authorizer(recorder.clone()));
    let run = |source: &str| {
        let program = Program::compile(source, &environment).unwrap_or_else(|e| panic!("{e}"));
        program.evaluate(&variables)
    };
    let source = "authorizer.serviceAccount('ns', 'sa').group('apps').resource('deployments').subresource('scale').namespace('n').name('x').check('get').allowed()";
    assert_eq!(run(source).unwrap().as_bool(), Some(true));
    let asked = recorder.0.lock().unwrap().pop().unwrap();
    assert_eq!(asked.service_account, Some(("ns".to_owned(), "sa".to_owned())));
    assert_eq!(
        (&*asked.group, &*asked.resource, &*asked.subresource),
        ("apps", "deployments", "scale")
    );
    assert_eq!((&*asked.namespace, &*asked.name, &*asked.verb), ("n", "x", "get"));
    let requested = Question { resource: "pods".to_owned(), ..Question::default() };
    let mut variables = Variables::new();
    variables.set("authorizer", Value::authorizer(recorder.clone()));
    variables.set("authorizer.requestResource", Value::resource_check(recorder.clone(), requested));
    let dotted = environment.clone().with("authorizer.requestResource", Type::RESOURCE_CHECK);
    let source = "authorizer.requestResource.check('get').allowed()";
    let program = Program::compile(source, &dotted).unwrap();
    assert_eq!(program.evaluate(&variables).unwrap().as_bool(), Some(true));
    assert_eq!(recorder.0.lock().unwrap().pop().unwrap().resource, "pods");
    let reason = run("authorizer.path('/healthz').check('post').reason()").unwrap();
    assert_eq!(reason.as_str(), Some("because"));
    let error = run("authorizer.group('').resource(' ').check('get').allowed()").unwrap_err();
    assert_eq!(error.to_string(), "resource must not be empty");
}
