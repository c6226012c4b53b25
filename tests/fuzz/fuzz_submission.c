// links: intake_core OpenSSL::Crypto
/* JSON bodies of submissions. What is taken must satisfy every limit that the authority and the database rely
 * on; what is refused must say why, in JSON. */
#include "base/memory.h"
#include "fuzz.h"
#include "intake/submission.h"
#include "meridian/limits.h"

static void judge_text(const char *text, size_t most_chars, size_t most_bytes, bool one_line)
{
    struct str s = str_from(text);

    MUST(utf8_printable(s) && utf8_length(s) <= most_chars && s.n <= most_bytes);
    MUST(!one_line || !strpbrk(text, "\r\n\t"));
}

static void judge_attributes(json_t *attributes)
{
    const char *key;
    json_t *value;

    MUST(json_is_object(attributes) && json_object_size(attributes) <= LIMIT_ATTRIBUTES);
    json_object_foreach(attributes, key, value)
    {
        MUST(key[0]);
        judge_text(key, LIMIT_ATTRIBUTE_KEY_CHARS, SIZE_MAX, false);
        MUST(!json_is_object(value) && !json_is_array(value) && !json_is_null(value));
        if (json_is_string(value)) {
            MUST(strlen(json_string_value(value)) == json_string_length(value));
            judge_text(json_string_value(value), LIMIT_ATTRIBUTE_VALUE_CHARS, SIZE_MAX, false);
        }
    }
}

static void judge(const struct submission *s)
{
    judge_text(s->subject, LIMIT_SUBJECT_CHARS, SIZE_MAX, true);
    judge_text(s->description, SIZE_MAX, LIMIT_TEXT_BYTES, false);
    MUST(s->subject[strspn(s->subject, " ")] && s->description[0]);
    if (s->service)
        judge_text(s->service, LIMIT_SERVICE_CHARS, SIZE_MAX, true);
    if (s->on_behalf_of)
        judge_text(s->on_behalf_of, 64, SIZE_MAX, true);
    MUST(s->impact >= 0 && s->impact <= 3 && s->urgency >= 0 && s->urgency <= 3);
    MUST(!s->language || strcmp(s->language, "en") == 0 || strcmp(s->language, "zh") == 0);
    if (s->attributes)
        judge_attributes(s->attributes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_errors_ struct body_errors errors = {0};
    _cleanup_buf_ struct buf detail = BUF_INIT, array = BUF_INIT;
    struct submission submission;
    json_t *json, *told;
    uint8_t hash[AUTH_HASH_SIZE];

    if (body_parse((struct str){(const char *)data, size}, &json, &detail) < 0) {
        MUST(detail.n);
        return 0;
    }
    submission_hash(json, hash);
    if (submission_read(json, &submission, &errors) == 0) {
        judge(&submission);
    } else {
        body_errors_add(&array, &errors);
        told = json_loadb(array.p, array.n, 0, NULL);
        MUST(json_is_array(told) && json_array_size(told) > 0);
        json_decref(told);
    }
    json_decref(json);
    return 0;
}
