package client

import (
	"bytes"
	"net/url"
	"strings"
)

// secretNames are the names of parameters whose values are secrets, without
// dashes, underscores and dots.
var secretNames = map[string]bool{
	"key": true, "apikey": true, "accesskey": true, "secretkey": true, "privatekey": true, "subscriptionkey": true,
	"token": true, "accesstoken": true, "refreshtoken": true, "idtoken": true, "authtoken": true, "sessiontoken": true,
	"sig": true, "signature": true, "hmac": true, "xamzsignature": true, "xamzsecuritytoken": true, "xgoogsignature": true,
	"password": true, "passwd": true, "pwd": true, "pass": true, "passphrase": true,
	"secret": true, "clientsecret": true, "apisecret": true, "auth": true, "authorization": true,
	"credential": true, "credentials": true, "xapikey": true, "jwt": true, "bearer": true, "session": true, "sessionid": true,
}

var nameMarks = strings.NewReplacer("-", "", "_", "", ".", "", "[", "", "]", "")

// SecretName reports whether a parameter of this name holds a secret; new_password,
// user[password] and db-secret do, too.
func SecretName(name string) bool {
	name = nameMarks.Replace(strings.ToLower(name))
	return secretNames[name] || strings.HasSuffix(name, "password") || strings.HasSuffix(name, "secret") || strings.HasSuffix(name, "apikey")
}

// maxQueryName is how long a name may be that SecretName knows, escaped.
const maxQueryName = 64

// queryValues adds the values of the parameters in b's URLs that are secrets by
// their names, ?key=VALUE and &token=VALUE, up to what ends a value.
func queryValues(found []span, b []byte) []span {
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], '=')
		if i < 0 {
			return found
		}
		eq := at + i
		at = eq + 1
		from := bytes.LastIndexAny(b[max(0, eq-maxQueryName):eq], "?&; \t\r\n'\"({,")
		if from < 0 && eq > maxQueryName { // a form's first parameter begins the text
			continue
		}
		raw := string(b[max(0, eq-maxQueryName)+from+1 : eq])
		name, err := url.QueryUnescape(raw)
		if err != nil || !SecretName(strings.TrimPrefix(name, "amp;")) {
			continue
		}
		end := bytes.IndexAny(b[at:], "&;#\"'<>\\ \t\r\n)}")
		if end < 0 {
			end = len(b) - at
		}
		if value := string(b[at : at+end]); value != "" && value != mask {
			found = append(found, span{from: at, to: at + end})
		}
	}
}
