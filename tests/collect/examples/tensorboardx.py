from tensorboardX import SummaryWriter

with SummaryWriter("logs") as writer:
    for step in range(10):
        writer.add_scalar("loss", 1 / (step + 1), step)
        writer.add_scalar("acc", step / 10, step)
