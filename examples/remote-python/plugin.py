"""Signs what goes to the upstream with a key that only the two know, and refuses what holds a word
that must not pass. Start it with `python3 plugin.py /tmp/body-signature.sock`."""

import hashlib
import hmac
import sys

from sallyport import EffectFailed, serve


class BodySignature:
    name = "body-signature"
    version = "1.0.0"
    priority = 900
    schema = {
        "type": "object",
        "required": ["secret"],
        "properties": {
            "secret": {"type": "string"},
            "forbidden": {"type": "array", "items": {"type": "string"}, "default": []},
        },
    }

    def access(self, call, config):
        try:
            body = yield call.effect("request.getRawBody", {"maxBytes": 100_000})
        except EffectFailed as failure:
            if failure.code != "BODY_TOO_LARGE":
                raise
            call.exit(413, {"message": "too large to be signed"})
            return
        if any(word.encode() in body for word in config.get("forbidden", [])):
            call.log("notice", f"a forbidden word from {call.view['client']['forwardedIp']}")
            call.exit(403, {"message": "forbidden word"}, {"x-checked-by": "python"})
            return
        signature = hmac.new(config["secret"].encode(), body, hashlib.sha256).hexdigest()
        call.change("service.request.setHeader", "x-body-signature", signature)

    def headerFilter(self, call, config):
        call.change("response.setHeader", "x-signed-by", f"python {self.version}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python3 plugin.py SOCKET")
    serve(BodySignature(), sys.argv[1])
