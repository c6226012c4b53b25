// links: wire
/* The messages of the bus. Bytes from a peer are refused or understood; what was understood packs again, and
 * packing is stable. The first byte chooses the message. */
#include "fuzz.h"
#include "wire/wire.h"

static void packs_again(const ProtobufCMessage *message)
{
    _cleanup_buf_ struct buf once = BUF_INIT, twice = BUF_INIT;

    wire_pack(message, &once);
    ProtobufCMessage *again =
        protobuf_c_message_unpack(message->descriptor, NULL, once.n, (uint8_t *)buf_text(&once));
    if (!again)
        return; /* an unknown field with an odd tag was kept and is written as a proper one, which is none */
    wire_pack(again, &twice);
    protobuf_c_message_free_unpacked(again, NULL);
    MUST(str_eq(buf_str(&once), buf_str(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Meridian__Request *request;
    Meridian__Reply *reply;
    Meridian__Hint *hint;

    if (size == 0)
        return 0;
    switch (data[0] % 3) {
    case 0:
        if ((request = wire_unpack_request(data + 1, size - 1))) {
            packs_again(&request->base);
            meridian__request__free_unpacked(request, NULL);
        }
        break;
    case 1:
        if ((reply = wire_unpack_reply(data + 1, size - 1))) {
            packs_again(&reply->base);
            meridian__reply__free_unpacked(reply, NULL);
        }
        break;
    default:
        if ((hint = wire_unpack_hint(data + 1, size - 1))) {
            packs_again(&hint->base);
            meridian__hint__free_unpacked(hint, NULL);
        }
        break;
    }
    return 0;
}
