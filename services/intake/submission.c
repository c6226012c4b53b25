/* The fields of a submission, and the hashes that make it repeatable. */
#include "intake/submission.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "meridian/limits.h"

enum { LOGIN_CHARS = 64 };

static const char *const languages[] = {"en", "zh", NULL};

#define AT(member) offsetof(struct submission, member)
static const struct body_field fields[] = {
    {"subject", BODY_LINE, AT(subject), LIMIT_SUBJECT_CHARS, true, NULL},
    {"description", BODY_TEXT, AT(description), LIMIT_TEXT_BYTES, true, NULL},
    {"service", BODY_LINE, AT(service), LIMIT_SERVICE_CHARS, false, NULL},
    {"impact", BODY_LEVEL, AT(impact), 0, false, NULL},
    {"urgency", BODY_LEVEL, AT(urgency), 0, false, NULL},
    {"language", BODY_CHOICE, AT(language), 0, false, languages},
    {"attributes", BODY_FLAT, AT(attributes), 0, false, NULL},
    {"on_behalf_of", BODY_LINE, AT(on_behalf_of), LOGIN_CHARS, false, NULL},
};

int submission_read(json_t *body, struct submission *ret_submission, struct body_errors *errors)
{
    struct submission submission = {0};
    int r = body_read(body, fields, ARRAY_SIZE(fields), &submission, errors);

    if (r == 0)
        *ret_submission = submission;
    return r;
}

void submission_hash(const json_t *body, uint8_t ret_hash[AUTH_HASH_SIZE])
{
    char *canonical = json_dumps(body, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);

    if (!canonical)
        abort(); /* a value that was parsed can be written */
    auth_sha256(canonical, strlen(canonical), ret_hash);
    free(canonical);
}

void submission_key(const char *user_id, struct str client_key, uint8_t ret_key[SUBMISSION_KEY_SIZE])
{
    const struct str parts[] = {str_from(user_id), STR(":"), client_key};
    uint8_t hash[AUTH_HASH_SIZE];

    auth_sha256_parts(parts, ARRAY_SIZE(parts), hash);
    memcpy(ret_key, hash, SUBMISSION_KEY_SIZE);
}

bool submission_client_key_valid(struct str client_key)
{
    if (!client_key.n || client_key.n > LIMIT_KEY_CHARS)
        return false;
    for (size_t i = 0; i < client_key.n; i++)
        if (client_key.p[i] < '!' || client_key.p[i] > '~')
            return false;
    return true;
}
