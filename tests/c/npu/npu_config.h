/* npu_config.h: what a generated project would say, for the test of the driver. */
#define MD_NPU_QUEUE_PORT 2u
#define MD_NPU_REGION_PORTS 0x03u
