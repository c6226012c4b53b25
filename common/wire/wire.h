/* The messages of the bus (schema/proto/meridian.proto) as protobuf-c structures, and how they become bytes.
 */
#pragma once
#include "base/buf.h"
#include "wire/meridian.pb-c.h"

/** Packs any message; appends. */
void wire_pack(const ProtobufCMessage *message, struct buf *out);
/** A SubmitBatch of submissions that are packed already: their bytes are passed on as they are. Zeroed is an
 * empty one. */
struct wire_batch {
    struct buf bytes;
    ProtobufCMessageUnknownField field;
};
void wire_batch_add(struct wire_batch *batch, struct str submission); /* copied */
/** Makes the batch the body of the request (which must have no other), until the batch ends. The bytes of the
 * packed request are those of one with the same messages. */
void wire_batch_put(struct wire_batch *batch, Meridian__Request *request);
void wire_batch_fini(struct wire_batch *batch);
#define _cleanup_wire_batch_ _cleanup_(wire_batch_fini)

/** Unpack or NULL for bytes that are not that message; freed with meridian__<type>__free_unpacked(m, NULL).
 */
Meridian__Request *wire_unpack_request(const void *bytes, size_t n);
Meridian__Reply *wire_unpack_reply(const void *bytes, size_t n);
Meridian__Hint *wire_unpack_hint(const void *bytes, size_t n);
