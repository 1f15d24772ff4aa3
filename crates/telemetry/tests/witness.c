/* What a profiler does with NVTX, as little as possible: the library that NVTX_INJECTION64_PATH
 * names takes the place of NVTX's functions, and writes each call into the file $WITNESS_FILE.
 * The declarations are those of NVTX 3's nvtxDetail/nvtxTypes.h and nvToolsExt.h. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ETID_CALLBACKS = 1, MODULE_CORE2 = 5, PAYLOAD_UINT64 = 1, MESSAGE_REGISTERED = 3 };
enum { RANGE_PUSH = 4, RANGE_POP = 5, NAME_CATEGORY_A = 8, REGISTER_STRING_A = 10, CREATE_A = 12 };

typedef struct {
  uint16_t version, size;
  uint32_t category;
  int32_t color_type;
  uint32_t color;
  int32_t payload_type, reserved;
  uint64_t payload;
  int32_t message_type;
  const void *message;
} attributes;

typedef void (*function)(void);
typedef struct {
  size_t struct_size;
  int (*functions)(int module, function ***table, unsigned *size);
} callbacks;

static FILE *out;
static char *domain_name;

/* Texts need not outlive the calls that bring them. */
static char *copied(const char *text) {
  size_t length = strlen(text) + 1;
  return memcpy(malloc(length), text, length);
}

static void *create(const char *name) {
  domain_name = copied(name);
  fprintf(out, "domain %s\n", name);
  return (void *)&domain_name;
}

static void name_category(void *domain, uint32_t category, const char *name) {
  (void)domain;
  fprintf(out, "category %u %s\n", category, name);
}

static void *register_string(void *domain, const char *text) {
  (void)domain;
  char *copy = copied(text);
  fprintf(out, "registered %s\n", copy);
  return copy;
}

static int push(void *domain, const attributes *range) {
  const char *name = range->message_type == MESSAGE_REGISTERED ? range->message : "(not registered)";
  fprintf(out, "push %s category %u payload %llu of type %d in %s\n", name, range->category,
          (unsigned long long)range->payload, range->payload_type == PAYLOAD_UINT64,
          domain == (void *)&domain_name ? domain_name : "(another domain)");
  return 0;
}

static int pop(void *domain) {
  (void)domain;
  fprintf(out, "pop\n");
  fflush(out);
  return 0;
}

int InitializeInjectionNvtx2(const void *(*export_table)(uint32_t)) {
  const callbacks *table = export_table(ETID_CALLBACKS);
  const char *path = getenv("WITNESS_FILE");
  function **core = NULL;
  unsigned size = 0;
  out = path ? fopen(path, "w") : NULL;
  if (!out || !table || !table->functions(MODULE_CORE2, &core, &size) || size <= CREATE_A) return 0;
  *core[RANGE_PUSH] = (function)push;
  *core[RANGE_POP] = (function)pop;
  *core[NAME_CATEGORY_A] = (function)name_category;
  *core[REGISTER_STRING_A] = (function)register_string;
  *core[CREATE_A] = (function)create;
  return 1;
}
