#include "temp.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "wire/wire.h"
#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>

void temp_new(struct temp *temp)
{
    snprintf(temp->path, sizeof temp->path, "/tmp/meridian-intake-XXXXXX");
    cr_assert_not_null(mkdtemp(temp->path));
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info, (void)type, (void)ftw;
    return remove(path);
}

void temp_remove(struct temp *temp)
{
    nftw(temp->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

struct spool_record *temp_record(int64_t n, const char *subject)
{
    struct spool_record *record = NEW(struct spool_record);
    Meridian__Submission m = MERIDIAN__SUBMISSION__INIT;
    struct uuid id = uuid_v7();

    memcpy(record->key, &n, sizeof n);
    auth_sha256(subject, strlen(subject), record->body_hash);
    snprintf(record->number, sizeof record->number, "EU-%lld", (long long)n);
    record->block = 1;
    record->value = n;
    record->accepted_us = 1000000 + n;
    m.id = (ProtobufCBinaryData){sizeof id.bytes, id.bytes};
    m.number = record->number;
    m.submission_key = (ProtobufCBinaryData){sizeof record->key, record->key};
    m.client_key = (char *)"key";
    m.body_hash = (ProtobufCBinaryData){sizeof record->body_hash, record->body_hash};
    m.region = (char *)"eu";
    m.accepted_us = record->accepted_us;
    m.channel = (char *)"api";
    m.requester_id = m.submitter_id = (char *)"00000000-0000-7000-8000-000000000001";
    m.subject = (char *)subject;
    m.description = (char *)"d";
    wire_pack(&m.base, &record->payload);
    return record;
}
