from clearml import Task

Task.set_offline(True)
task = Task.init("example", "run", auto_connect_frameworks=False, auto_resource_monitoring=False)
logger = task.get_logger()
for step in range(10):
    logger.report_scalar("loss", "train", 1 / (step + 1), step)
    logger.report_scalar("acc", "acc", step / 10, step)
task.close()
