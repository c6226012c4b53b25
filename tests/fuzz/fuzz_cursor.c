// links: intake_core OpenSSL::Crypto
/* Cursors and the peeking at JSON. Nobody without the secret makes a cursor that is taken; what was made
 * comes back as it was; peeking stays inside its text. */
#include "fuzz.h"
#include "intake/cursor.h"
#include "intake/peek.h"

static void judge_member(struct str json, const char *name)
{
    struct str member = peek_member(json, name), text = peek_text(json, name);

    MUST(!member.p || (member.n > 0 && member.p >= json.p && member.p + member.n <= json.p + json.n));
    MUST(!text.p || (text.p >= json.p && text.p + text.n <= json.p + json.n));
    (void)peek_int(json, name, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_buf_ struct buf cursor = BUF_INIT, key = BUF_INIT, forged = BUF_INIT;
    struct str input = {(const char *)data, size};

    MUST(cursor_read(input, STR("a secret nobody guesses"), "tickets", &forged) < 0 && forged.n == 0);
    if (size && size < 300) {
        cursor_add(&cursor, STR("s"), "tickets", input);
        MUST(cursor_read(buf_str(&cursor), STR("s"), "tickets", &key) == 0);
        MUST(str_eq(buf_str(&key), input));
    }
    judge_member(input, "next");
    judge_member(input, "version");
    return 0;
}
