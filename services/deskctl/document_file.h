/* A document in a file of a person's: YAML or JSON (yaml_read.h), whose faults are printed with file and
 * line. */
#pragma once
#include "deskctl/yaml_read.h"
#include "plan/node.h"

struct document_file {
    const char *path; /* the caller's */
    struct yaml_document document;
};

/** Reads a file. An exit code, after printing why it is not 0. Closed in any case. */
int document_file_open(struct document_file *file, const char *path);
void document_file_close(struct document_file *file);
#define _cleanup_document_file_ _cleanup_(document_file_close)

/** Prints a fault found in the document, as `plan.yaml:12: policies[0].when: ...`. Returns EXIT_ERROR. */
int document_file_fault(const struct document_file *file, const struct plan_fault *fault);
