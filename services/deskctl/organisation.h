/* The organisation of a server or of a file, for the commands that look at it. */
#pragma once
#include "deskctl/cli.h"
#include "deskctl/client.h"
#include "deskctl/document_file.h"
#include "plan/organisation_json.h"

struct org_source {
    struct document_file file;     /* its path is NULL when it is a server's */
    json_t *json;                  /* the document */
    int64_t version;               /* of a server; 0: of a file */
    struct org_document *document; /* read and judged */
};
void org_source_fini(struct org_source *source);
#define _cleanup_org_source_ _cleanup_(org_source_fini)

/** Reads a file (YAML, or JSON) and judges it. An exit code, after printing why it is not 0: with the line at
 * fault. */
int organisation_of_file(const char *path, struct org_source *ret_source);
/** The one at the server: that of the version, 0: the one in force. An exit code, after printing why it is
 * not 0. */
int organisation_of_server(struct client *client, int64_t version, struct org_source *ret_source);
/** That of --file where it is given, else the one in force. */
int organisation_of(struct cli *cli, struct org_source *ret_source);
/** Prints what a server refused of a file, by its lines, where it says which part. Returns the exit code of
 * client_explain. */
int organisation_explain(const struct org_source *source, const struct response *response, const char *url);
