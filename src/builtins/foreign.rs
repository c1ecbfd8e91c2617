//! Functions of other languages, with the spelling of this one. Does not know the source that calls
//! them.

use super::find;

/// Names that other languages use, in upper case and without `_`, and the advice. Each part in
/// backticks is an expression that compiles, or the name of a function.
const ROWS: &[(&str, &str)] = &[
    // Tests.
    (
        "CONTAINS INCLUDES INCLUDE HAS STRCONTAINS INARRAY HASVALUE",
        "`\"part\" IN text` searches a string or a list",
    ),
    ("IN ISIN", "`IN` stands between two values: `\"a\" IN list`"),
    (
        "INDEXOF FIND_INDEX SEARCH STRPOS INSTR POSITION LOCATE",
        "`\"part\" IN text` tells if it is there; `$EXTRACT(text, \"a(.*)\")` takes a part out",
    ),
    (
        "EXISTS DEFINED ISDEFINED ISSET ISNOTNULL NOTNULL PRESENT",
        "`x != NULL` asks if a value is there",
    ),
    (
        "HASKEY HASOWNPROPERTY KEYEXISTS CONTAINSKEY HASFIELD",
        "`\"key\" IN object` asks for a key, `object.key != NULL` for a value",
    ),
    ("ISNULL NULL ISNONE MISSING ISUNDEFINED", "`x == NULL` tests for null"),
    ("EMPTY ISEMPTY BLANK ISBLANK", "an empty string or list counts as false: `NOT x`"),
    ("NOT", "`NOT` stands before the condition: `NOT x`"),
    ("AND", "`AND` stands between two conditions: `a AND b`"),
    ("OR", "`OR` stands between two conditions: `a OR b`"),
    ("EQ EQUALS EQUAL ISEQUAL STREQ", "`a == b` compares"),
    ("NE NEQ NOTEQUALS", "`a != b` compares"),
    ("GT GREATERTHAN", "`a > b` compares"),
    ("GTE GE", "`a >= b` compares"),
    ("LT LESSTHAN", "`a < b` compares"),
    ("LTE LE", "`a <= b` compares"),
    ("BETWEEN", "write two comparisons: `a >= 1 AND a <= 5`"),
    ("IF IIF CASE SWITCH CHOOSE TERNARY CONDITIONAL COND", "`IF condition THEN a ELSE b` chooses"),
    (
        "DEFAULT IFNULL NVL ORELSE OTHERWISE FALLBACK GETORELSE",
        "`$COALESCE(x, \"default\")` takes the first value that is not null",
    ),
    ("CATCH RESCUE IFERROR", "`$TRY(x, NULL)` replaces an error"),
    ("STARTSWITH HASPREFIX BEGINSWITH PREFIX", "`$STARTS_WITH(text, \"prefix\")` tests the start"),
    ("ENDSWITH HASSUFFIX SUFFIX", "`$ENDS_WITH(text, \"suffix\")` tests the end"),
    (
        "MATCHES ISMATCH REMATCH REGEXMATCH REGEXPMATCH MATCHREGEX REGEXPLIKE RLIKE TEST TESTREGEX REGEXTEST",
        "`$MATCH(text, \"regex\")` tests a regular expression",
    ),
    (
        "REGEX REGEXP RE",
        "`$MATCH(text, \"regex\")` tests, `$EXTRACT(text, \"regex\")` takes a part out",
    ),
    ("LIKE ILIKE", "`$MATCH(text, \"regex\")` tests a pattern, `\"part\" IN text` a part"),
    ("WILDCARD FNMATCH", "`$GLOB(text, \"a*z\")` tests a wildcard"),
    ("SOME ANYMATCH ANYOF", "`$ANY(list, x => x.ok)` asks if one passes"),
    ("EVERY ALLMATCH ALLOF", "`$ALL(list, x => x.ok)` asks if all pass"),
    (
        "CIDR INCIDR CIDRMATCH CIDRCONTAINS ISIPINRANGE IPINRANGE IPMATCH INSUBNET",
        "`$IP_IN(address, \"10.0.0.0/8\")` tests an address",
    ),
    // Strings.
    (
        "UPPER TOUPPER UPCASE UCASE TOUPPERCASE STRTOUPPER",
        "`$UPPERCASE(text)` writes a string in capitals",
    ),
    (
        "LOWER TOLOWER DOWNCASE LCASE TOLOWERCASE STRTOLOWER CASEFOLD",
        "`$LOWERCASE(text)` writes a string in lower case",
    ),
    (
        "CAPITALIZE TITLE PROPER INITCAP UCFIRST TOTITLE",
        "`$TITLECASE(text)` writes each word with a capital",
    ),
    ("LEN SIZE STRLEN CHARLENGTH ARRAYLENGTH CARDINALITY", "`$LENGTH(x)` counts"),
    ("COUNTIF", "`$COUNT(list, x => x.ok)` counts those that pass"),
    (
        "STRIP LTRIM RTRIM TRIMSTART TRIMEND CHOMP TRIMSPACE",
        "`$TRIM(text)` takes away white space at both ends",
    ),
    ("SUBSTR MID SUBSTRINGOF", "`$SUBSTRING(text, 0, 5)`, or a slice: `text[0:5]`"),
    ("LEFT TAKE LIMIT", "a slice takes the first: `x[0:5]`"),
    ("RIGHT", "a slice takes the last: `x[-5:]`"),
    (
        "SLICE SUBLIST SUBARRAY DROP SKIP TAIL REST",
        "a slice is written `list[1:3]`, and `list[1:]` to the end",
    ),
    ("CHARAT NTH ELEMENTAT AT GET ITEM", "a place is written `list[0]`, a key `object[\"key\"]`"),
    ("JOIN IMPLODE STRINGJOIN LISTAGG STRJOIN", "`$CONCAT(list, \", \")` joins"),
    ("EXPLODE TOKENIZE STRSPLIT", "`$SPLIT(text, \",\")` splits"),
    (
        "GSUB REPLACEALL REGEXREPLACE REGEXPREPLACE RESUB SUB SUBSTITUTE REPLACEREGEX SUBST",
        "`$REPLACE(text, \"regex\", \"with\")` replaces every match",
    ),
    (
        "REPLACESTRING REPLACETEXT STRREPLACE REPLACEFIRST",
        "`$REPLACE(text, \"regex\", \"with\")` replaces every match; `\\\\.` is a dot",
    ),
    (
        "CAPTURE EXTRACTREGEX REGEXEXTRACT REGEXPEXTRACT REGEXFIND SCAN FINDALL MATCHALL REGEXPMATCHES EXTRACTALL EXTRACTGROUPS",
        "`$EXTRACT(text, \"id=(\\\\d+)\")` takes a part out",
    ),
    ("LPAD PADSTART ZFILL LJUST", "`$PAD_LEFT(text, 5, \"0\")` fills on the left"),
    (
        "FORMAT SPRINTF PRINTF STRFORMAT INTERPOLATE TEMPLATE",
        "values stand in a string: `\"id ${x} of ${y}\"`",
    ),
    (
        "RENDERTEMPLATE MUSTACHE HANDLEBARS LIQUID",
        "`$RENDER(\"Hello {{name}}\", object)` fills a template",
    ),
    ("STRIPTAGS REMOVEHTML HTMLTOTEXT", "`$STRIP_HTML(text)` takes the text out of HTML"),
    // Kinds.
    (
        "STRING STR TOSTRING TOTEXT ASSTRING CASTSTRING STRINGIFY",
        "`$TEXT(x)` turns a value into a string",
    ),
    (
        "NUMBER TONUMBER NUM ASNUMBER VAL",
        "`$INTEGER(text)` or `$DECIMAL(text)` turns a string into a number",
    ),
    (
        "INT TOINT TOINTEGER PARSEINT ASINT ATOI CASTINT TRUNC",
        "`$INTEGER(x)` turns a string into an integer, and drops a fraction",
    ),
    (
        "FLOAT DOUBLE TOFLOAT PARSEFLOAT TODOUBLE TODECIMAL PARSENUMBER",
        "`$DECIMAL(text)` turns a string into a decimal",
    ),
    (
        "BOOL TOBOOL TOBOOLEAN PARSEBOOL",
        "`$BOOLEAN(x)` reads `true`, `yes`, `1` and their opposites",
    ),
    ("TYPE TYPEOF KINDOF GETTYPE INSTANCEOF", "`$KIND(x)` names the kind of a value"),
    ("ISSTRING ISTEXT", "`$KIND(x) == \"string\"` asks for a kind"),
    ("ISNUMBER ISNUMERIC ISINTEGER ISFLOAT", "`$KIND(x) == \"number\"` asks for a kind"),
    ("ISLIST ISARRAY", "`$KIND(x) == \"list\"` asks for a kind"),
    ("ISOBJECT ISMAP ISDICT", "`$KIND(x) == \"object\"` asks for a kind"),
    ("ISBOOLEAN ISBOOL", "`$KIND(x) == \"boolean\"` asks for a kind"),
    // Lists and objects.
    (
        "DISTINCT UNIQ DEDUP DEDUPE DEDUPLICATE UNIQUEVALUES TOSET SET_OF",
        "`$UNIQUE(list)` takes each value once",
    ),
    (
        "APPEND PUSH ADD CONCATLISTS ARRAYCONCAT UNION EXTEND PREPEND UNSHIFT INSERT",
        "`$FLATTEN([list, [x]])` joins lists",
    ),
    ("FLAT FLATMAP SELECTMANY", "`$FLATTEN(list)` joins the lists in a list"),
    (
        "SELECT COLLECT TRANSFORM FOREACH EACH PLUCK",
        "`$MAP(list, x => x.id)` takes something of each",
    ),
    ("WHERE REJECT FINDALLBY GREP SELECTBY", "`$FILTER(list, x => x.ok)` keeps those that pass"),
    ("FINDFIRST DETECT FIRSTWHERE FINDBY", "`$FIND(list, x => x.ok)` takes the first that passes"),
    ("FOLD FOLDL AGGREGATE ACCUMULATE", "`$REDUCE(list, 0, (sum, x) => sum + x)` folds a list"),
    ("SORTBY ORDERBY ORDER SORTED TOSORTED", "`$SORT(list, x => x.id)` sorts"),
    ("HEAD CAR", "`$FIRST(list)` is the first element"),
    ("MAXIMUM GREATEST MAXOF", "`$MAX([a, b])` is the greatest"),
    ("MINIMUM LEAST MINOF", "`$MIN([a, b])` is the least"),
    ("AVG AVERAGE MEAN", "divide: `$SUM(list) / $LENGTH(list)`"),
    ("TOTAL ADDALL SUMOF", "`$SUM(list)` adds up a list"),
    (
        "ASSIGN EXTENDOBJECT COMBINE MERGEDEEP DEEPMERGE PUT WITHFIELD",
        "`$MERGE([object, { \"key\": 1 }])` joins objects",
    ),
    ("TOENTRIES PAIRS ITEMS OBJECTENTRIES", "`$ENTRIES(object)` lists keys and values"),
    ("OBJECTKEYS GETKEYS KEYSOF MAPKEYS", "`$KEYS(object)` lists the keys"),
    ("OBJECTVALUES GETVALUES VALUESOF", "`$VALUES(object)` lists the values"),
    ("REVERSED REV", "`$REVERSE(list)` turns a list round"),
    (
        "SEQ SEQUENCE ENUMERATE",
        "`$RANGE(5)` counts; the second parameter is the index: `$MAP(list, (x, i) => i)`",
    ),
    ("LOOKUP", "in a rule, an object does it: `{ \"a\": 1 }[key]`"),
    ("LAMBDA FUNCTION FN", "a lambda is an argument: `$MAP(list, x => x.id)`"),
    // Numbers.
    ("ROUNDUP CEILING", "`$CEIL(n)` rounds up"),
    ("ROUNDDOWN", "`$FLOOR(n)` rounds down"),
    ("MOD MODULO REMAINDER REM", "there is no remainder: `x - $FLOOR(x / n) * n` is one"),
    ("DIV INTDIV", "`$FLOOR(a / b)` divides without a rest"),
    ("ABSOLUTE FABS", "`$ABS(n)` drops the sign"),
    // Times.
    (
        "NOW CURRENTTIMESTAMP CURRENTTIME SYSDATE UTCNOW GETDATE TODAY CURDATE DATENOW",
        "`$TIME()` is the time of the evaluation",
    ),
    (
        "DATE TODATE PARSEDATE TOTIMESTAMP TODATETIME DATETIME STRPTIME PARSETIMESTAMP FROMISO8601 PARSEDATETIME FROMUNIXTIME FROMTIMESTAMP TOTIME",
        "`$PARSE_TIME(x)` reads a time",
    ),
    (
        "FORMATDATE DATEFORMAT STRFTIME TOISOSTRING TODATESTRING FORMATTIMESTAMP FORMATDATETIME TOISO8601 TOCHAR",
        "`$FORMAT_TIME(t, \"%Y-%m-%d\")` writes a time",
    ),
    (
        "UNIX UNIXTIME UNIXTIMESTAMP TOUNIX TIMESTAMP TOEPOCH GETTIME TOUNIXTIME",
        "`$EPOCH(t)` is the Unix time in seconds",
    ),
    (
        "UNIXMILLIS TOMILLIS MILLIS EPOCHMS TOEPOCHMILLIS",
        "`$EPOCH_MILLIS(t)` is the Unix time in milliseconds",
    ),
    (
        "ADDDAYS DATEADD ADDMONTHS ADDYEARS DATESUB ADDWEEKS",
        "`$ADD_DATE(t, 0, 0, 7)` adds years, months and days",
    ),
    (
        "ADDHOURS ADDMINUTES ADDSECONDS TIMEADD",
        "`$ADD_TIME(t, 1, 30, 0)` adds hours, minutes and seconds",
    ),
    ("DATEDIFF TIMEDIFF DIFF AGE TIMESINCE", "subtract: `$TIME() - $PARSE_TIME(x)` is in seconds"),
    ("DAYOFWEEK DOW WEEKDAYOF", "`$WEEKDAY(t)` is the day of the week"),
    (
        "YEAR MONTH DAY HOUR MINUTE SECOND DATEPART DAYOFMONTH",
        "`$INTEGER($FORMAT_TIME(t, \"%Y\"))` takes a part of a time",
    ),
    (
        "TIMEZONE ATTIMEZONE TOTIMEZONE CONVERTTIMEZONE TZ",
        "`$IN_ZONE(t, \"Europe/Berlin\")` shows a time in a zone",
    ),
    // Encodings, digests, secrets.
    (
        "FROMJSON JSONPARSE JSONDECODE PARSE DECODEJSON JSONLOADS LOADJSON",
        "`$PARSE_JSON(text)` reads JSON",
    ),
    (
        "TOJSON JSON JSONSTRINGIFY JSONENCODE ENCODEJSON JSONDUMPS DUMPJSON",
        "`$STRINGIFY_JSON(x)` writes JSON",
    ),
    (
        "BASE64DECODE DECODEBASE64 FROMBASE64 ATOB B64DECODE DECODE64 BASE64URLDECODE",
        "`$UNBASE64(text)` decodes base64, of both alphabets",
    ),
    (
        "BASE64ENCODE ENCODEBASE64 TOBASE64 BTOA B64ENCODE ENCODE64",
        "`$BASE64(x)` encodes in base64",
    ),
    ("BASE64URLENCODE", "`$BASE64URL(x)` encodes in base64 for URLs"),
    ("TOHEX HEXENCODE ENCODEHEX HEXDIGEST BIN2HEX HEXLIFY", "`$HEX(x)` writes bytes in hex"),
    ("FROMHEX HEXDECODE DECODEHEX HEX2BIN UNHEXLIFY", "`$UNHEX(text)` reads hex"),
    (
        "ENCODEURI ENCODEURICOMPONENT URLESCAPE PERCENTENCODE QUOTE URIENCODE URIESCAPE",
        "`$URLENCODE(text)` escapes a part of a URL",
    ),
    (
        "DECODEURI DECODEURICOMPONENT URLUNESCAPE PERCENTDECODE UNQUOTE URIDECODE",
        "`$URLDECODE(text)` reads percent signs",
    ),
    (
        "PARSEQUERY PARSEQUERYSTRING PARSEQS QUERYSTRING",
        "`$PARSE_FORM(text)` reads a query string; `query_params` has that of the request",
    ),
    (
        "PARSEURL URLPARSE PARSEURI URL URIPARSE",
        "`$PARSE_URL(text).host` takes the host out of a URL",
    ),
    (
        "PARSEDURATION DURATION TODURATION FORMATDURATION INTERVAL",
        "`$PARSE_DURATION(text)` reads a time span in seconds, and `$FORMAT_DURATION(300)` writes one",
    ),
    ("PARSEYAML FROMYAML YAML TOYAML", "`$PARSE_YAML(text)` reads YAML"),
    ("XML FROMXML XMLPARSE DECODEXML", "`$PARSE_XML(text)` reads XML"),
    (
        "HMAC HMACSHA SIGN HASHHMAC COMPUTEHMAC",
        "`$HMAC_SHA256(secret, message)` signs; others are `$HMAC_SHA1`, `$HMAC_SHA384`, `$HMAC_SHA512`",
    ),
    ("SHA SHA2 HASH DIGEST", "`$SHA256(x)` digests; others are `$SHA1`, `$SHA512`, `$MD5`"),
    (
        "HASHEQUALS TIMINGSAFEEQUAL COMPAREDIGEST CONSTANTTIMECOMPARE SECURECOMPARE",
        "`$SECURE_EQUALS(a, b)` compares in constant time, and so does `a == b` with a digest",
    ),
    (
        "ENV GETENV ENVIRONMENT GETSECRET VAULT",
        "`$SECRET('NAME') == x` compares a secret of the listener; `vars` has its settings",
    ),
    (
        "JWTDECODE DECODETOKEN PARSEJWT JWTPARSE",
        "`$DECODE_JWT(token)` reads a token, `$JWT_VERIFY(token, key, \"HS256\")` verifies one",
    ),
    ("VERIFYJWT JWTVALIDATE", "`$JWT_VERIFY(token, key, \"HS256\")` verifies a token"),
];

/// Rows that count as soon as the function exists, before [`ROWS`]: the function, the names, the
/// advice.
const ROWS_OF_NEW_FUNCTIONS: &[(&str, &str, &str)] = &[
    (
        "OMIT",
        "EXCEPT WITHOUT DEL DELETE DELETEKEY REMOVE REMOVEKEY UNSET OMITKEYS",
        "`$OMIT(object, \"key\")` leaves keys out",
    ),
    ("PICK", "ONLY PICKKEYS PROJECT KEEP", "`$PICK(object, [\"a\", \"b\"])` keeps some keys"),
    (
        "RENAME",
        "RENAMEKEY RENAMEKEYS MAPKEYNAMES",
        "`$RENAME(object, { \"old\": \"new\" })` renames keys",
    ),
    (
        "SET",
        "SETIN ASSOC SETKEY SETFIELD WITHFIELD PUT SETPATH",
        "`$SET(object, \"a.b\", 1)` sets a value at a path",
    ),
    (
        "FROM_ENTRIES",
        "OBJECTFROMENTRIES FROMPAIRS TOOBJECT ZIPOBJECT TOMAP",
        "`$FROM_ENTRIES(list)` makes an object",
    ),
    (
        "FORMAT_NUMBER",
        "TOFIXED NUMBERFORMAT NUMFORMAT FIXED",
        "`$FORMAT_NUMBER(n, 2)` writes a number with decimals",
    ),
    (
        "FORMAT_MINOR_UNITS",
        "FORMATCURRENCY CURRENCY TOCURRENCY MONEY CENTS",
        "`$FORMAT_MINOR_UNITS(4050, \"USD\")` writes an amount",
    ),
    ("TRUNCATE", "ELLIPSIS SHORTEN ABBREVIATE", "`$TRUNCATE(text, 80)` shortens a string"),
    (
        "REPLACE_STRING",
        "REPLACETEXT STRREPLACE",
        "`$REPLACE_STRING(text, \"a\", \"b\")` replaces a string that is no pattern",
    ),
    (
        "EXTRACT_ALL",
        "FINDALL MATCHALL SCAN REGEXPMATCHES",
        "`$EXTRACT_ALL(text, \"regex\")` takes every match",
    ),
    (
        "EXTRACT_GROUPS",
        "NAMEDGROUPS CAPTURES GROUPS PARSEREGEX",
        "`$EXTRACT_GROUPS(text, \"(?<id>\\\\d+)\")` takes the groups",
    ),
    ("GLOB", "WILDCARD FNMATCH", "`$GLOB(text, \"a*z\")` tests a wildcard"),
    ("BOOLEAN", "BOOL TOBOOL TOBOOLEAN PARSEBOOL", "`$BOOLEAN(x)` reads a truth value"),
    (
        "ESCAPE",
        "ESCAPEHTML HTMLESCAPE HTMLENCODE REGEXESCAPE QUOTEMETA",
        "`$ESCAPE(text, \"html\")` escapes a string",
    ),
    ("LIST", "TOLIST TOARRAY ARRAY ASLIST ARRAYOF WRAP", "`$LIST(x)` makes a list of one value"),
    ("CHUNK", "BATCH PARTITION INGROUPSOF CHUNKED", "`$CHUNK(list, 10)` divides a list"),
    ("PARSE_URL", "URLPARSE PARSEURI URL URIPARSE", "`$PARSE_URL(text)` takes a URL apart"),
    ("PARSE_DURATION", "DURATION TODURATION INTERVAL", "`$PARSE_DURATION(text)` reads a duration"),
    (
        "FORMAT_DURATION",
        "HUMANIZEDURATION DURATIONTOSTRING",
        "`$FORMAT_DURATION(seconds)` writes a duration",
    ),
    ("PARSE_YAML", "FROMYAML YAML YAMLPARSE LOADYAML", "`$PARSE_YAML(text)` reads YAML"),
    ("WITH", "LET BIND DEFINE", "`$WITH(a, x => x)` names a value"),
    ("GROUP", "GROUPBY GROUPED PARTITIONBY", "`$GROUP(list, x => x.key)` groups a list"),
    ("COUNT", "COUNTIF COUNTBY COUNTWHERE", "`$COUNT(list, x => x.ok)` counts those that pass"),
    (
        "WALK",
        "WALKTREE DEEPMAP MAPVALUES TRAVERSE RECURSE",
        "`$WALK(value, (value, key) => value)` rebuilds a value",
    ),
];

/// Returns the spelling of this language for a function of another one.
pub fn foreign(name: &str) -> Option<&'static str> {
    if find(name).is_some() {
        return None;
    }
    let name: String = name.chars().filter(|c| *c != '_').collect();
    let rows = rows();
    let mut known = rows.filter(|(names, _)| {
        names.split(' ').any(|one| one.replace('_', "").eq_ignore_ascii_case(&name))
    });
    known.next().map(|(_, advice)| advice)
}

/// Returns the rows that count: the names, and the advice.
pub fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    let new = ROWS_OF_NEW_FUNCTIONS.iter().filter(|(function, ..)| find(function).is_some());
    new.map(|(_, names, advice)| (*names, *advice)).chain(ROWS.iter().copied())
}
